"""Work pools beside the process worker: a container for each flow run, on ECS, Kubernetes or Docker.

    python -m deployments.pools ecs --set cluster=… --set task=… --set vpc=… --set subnet=… --set group=…
    python -m deployments.pools kubernetes --set namespace=campaigns --set image=registry/campaigns@sha256:…
    python -m deployments.pools docker --set image=… --set network=campaigns --set settings=/etc/campaigns/env

Makes or changes the pool `campaigns-KIND`. As in the pool of processes, a run brings no command, environment or folder,
and no key lies in Prefect: ECS takes them from the task definition, Kubernetes from a Secret, Docker from a file of the
host. Builds move there by `python -m deployments.engine.register --builds-on campaigns-KIND`; housekeeping and
what operators start stay with the processes, where a run a minute costs no container.

Belongs here: job templates, and how they are filled in. Does not: the pool of processes (`deployments.engine.pool`).
"""
