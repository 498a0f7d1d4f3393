"""The door: turns HTTP into values and errors into statuses; decides nothing itself.

Belongs here: HTTP, and the application that serves it. Does not: decisions (`campaigns`), and Prefect outside of
`api.motor`.
"""
