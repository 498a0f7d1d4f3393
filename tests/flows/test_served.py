"""`flow.serve()` hands a flow to its process as bytes: it has to take its parameters there as well."""

from __future__ import annotations

import importlib
from typing import Any

import cloudpickle
import pytest
import yaml
from prefect.exceptions import ParameterTypeError
from pydantic import PydanticUserError

from deployments.place import ROOT

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("entrypoint", sorted({each["entrypoint"] for each in DEPLOYMENTS}))
def test_a_flow_that_was_handed_on_as_bytes_takes_its_parameters(entrypoint: str) -> None:
    module, _, name = entrypoint.partition(":")
    flow: Any = getattr(importlib.import_module(module), name)

    handed_on = cloudpickle.loads(cloudpickle.dumps(flow))

    # Annotations that are texts are looked up where nothing but the body's names is left: such a module must not
    # begin with `from __future__ import annotations`.
    try:
        handed_on.validate_parameters(dict.fromkeys(flow.parameters.required, "x"))
    except PydanticUserError as error:
        pytest.fail(str(error))
    except (ValueError, ParameterTypeError):
        pass  # refused, as an x is; so the types were found
