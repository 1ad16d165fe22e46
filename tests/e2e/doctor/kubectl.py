"""Stands for kubectl: its pods are the apps of a local stack (PODS, a JSON object), whose ports it "forwards"."""

import json
import os
import signal
import sys

SIDECAR_PORT = "3500"


def main() -> None:
    """`get pods -o json`, or `port-forward pod/NAME :PORT :PORT`."""
    pods = json.loads(os.environ["PODS"])
    if "get" in sys.argv:
        sys.stdout.write(json.dumps({"items": [_pod(app_id, *ports) for app_id, ports in pods.items()]}))
        return
    app_id = next(word for word in sys.argv if word.startswith("pod/")).removeprefix("pod/").removesuffix("-0")
    service, sidecar = pods[app_id]
    for port, remote in ((service, service), (sidecar, SIDECAR_PORT)):
        sys.stdout.write(f"Forwarding from 127.0.0.1:{port} -> {remote}\nForwarding from [::1]:{port} -> {remote}\n")
    sys.stdout.flush()
    signal.pause()


def _pod(app_id: str, service: int, sidecar: int) -> dict[str, object]:
    del sidecar
    container = {"name": "app", "ports": [{"name": "http", "containerPort": service}]}
    return {
        "metadata": {"name": f"{app_id}-0", "annotations": {"dapr.io/app-id": app_id}},
        "spec": {"containers": [container]},
        "status": {"phase": "Running"},
    }


if __name__ == "__main__":
    main()
