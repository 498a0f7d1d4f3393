"""The door: turns HTTP into values and errors into statuses; decides nothing itself."""
