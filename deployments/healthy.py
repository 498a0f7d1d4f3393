"""Whether a server on this machine answers: `python -m deployments.healthy PORT PATH`, the health check of containers.

Ends with 1 when it does not, within four seconds. The image has no curl, and a check that loads the product would cost
more than what it checks.
"""

import http.client
import sys


def main() -> int:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)
    try:
        connection.request("GET", sys.argv[2])
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer: {error}")
        return 1
    print(status)
    return 0 if status < 400 else 1


if __name__ == "__main__":
    sys.exit(main())
