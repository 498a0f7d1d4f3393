"""What a run shows in Prefect: artifacts of its campaign, events, and the page of all that waits.

Belongs here: words for whoever runs campaigns in the Prefect UI, and the writing of them behind the run. Does not:
forms (`tasks.forms`), and anything that a step waits for. What is shown never fails a run.
"""
