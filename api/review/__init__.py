"""The review page: what an approver sees and sends. The routes are in `api.review.router`."""
