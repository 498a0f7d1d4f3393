"""Personas over HTTP: who speaks, what they wrote before, and the style read from it."""

from typing import Annotated, Any

from fastapi import Body, Depends
from fastapi.responses import Response
from pydantic import Field

from api.auth.identity import Caller, needs
from api.dependencies import Cursor, Now, PageSize, TheCourier, TheStore, resource
from api.http.problems import documented
from api.schemas.examples import PERSONA, WRITING
from api.schemas.versions import IfMatch, based, guarded
from api.schemas.wire import (
    ExampleView,
    PersonaView,
    SchemaOf,
    body_of,
    checked,
    made,
    page_of,
    patch_of,
    patched,
    reply,
    sent,
    sent_page,
)
from campaigns import correlation
from campaigns.model.base import Maybe, Wire, new_id
from campaigns.model.library.persona import Persona, PersonaInput, WritingExample, WritingExampleInput
from campaigns.model.vocabulary import AnalysisStatus
from campaigns.operations.analysis import mark_stale, open_wish, request_analysis

router = resource("personas", "/personas")

Reader = Annotated[Caller, Depends(needs("personas:read"))]
Writer = Annotated[Caller, Depends(needs("personas:write"))]

PersonaPage = page_of(PersonaView, "PersonaPage")
ExampleList = page_of(ExampleView, "WritingExampleList")
PersonaPatch = patch_of(PersonaInput, "PersonaPatch")


class AnalysisAccepted(Wire):
    """The style is being read."""

    id: str
    status: AnalysisStatus
    message: str
    execution_id: Maybe[str] = Field(
        default=None, description="The flow run; missing when none could be created yet: it will be"
    )


@router.post("", status_code=201, response_model=PersonaView, summary="Create a persona", responses=documented(409))
def create_persona(
    caller: Writer,
    store: TheStore,
    now: Now,
    given: Annotated[
        dict[str, Any],
        SchemaOf(PersonaInput),
        Body(title="PersonaInput", openapi_examples={"roaster": {"value": PERSONA}}),
    ],
) -> Response:
    """Store a persona; what the system finds out about its style is no part of the request."""
    new = made(Persona, checked(PersonaInput, given), "persona", tenant_id=caller.tenant_id, now=now)
    stored = store.personas.create(new)
    return reply(stored, 201, Location=f"/personas/{stored.id}")


@router.get("", response_model=PersonaPage, summary="Personas, in the order they were created")
def list_personas(caller: Reader, store: TheStore, limit: PageSize = 50, cursor: Cursor = None) -> Response:
    return sent_page(store.personas.list(caller.tenant_id, limit=limit, cursor=cursor), body_of)


@router.get("/{persona_id}", response_model=PersonaView, summary="One persona", responses=documented(404))
def read_persona(persona_id: str, caller: Reader, store: TheStore) -> Response:
    """Return the persona, with its inferred style once there is one."""
    return reply(store.personas.get(caller.tenant_id, persona_id))


@router.patch(
    "/{persona_id}", response_model=PersonaView, summary="Change a persona", responses=documented(404, 409, 412, 428)
)
def change_persona(
    persona_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    based_on: IfMatch,
    wanted: Annotated[
        dict[str, Any],
        SchemaOf(PersonaPatch),
        Body(title="PersonaPatch", openapi_examples={"role": {"value": {"role": "Roastery lead", "version": 1}}}),
    ],
) -> Response:
    """Replace the fields that are given, whole. Campaigns that are planned already keep what they were planned with."""
    fields, version = based(wanted, based_on)
    changed = patched(store.personas.get(caller.tenant_id, persona_id), PersonaInput, fields, now=now)
    with guarded(based_on):
        return reply(store.personas.update(changed, expect_version=version))


@router.delete("/{persona_id}", status_code=204, summary="Delete a persona", responses=documented(404, 409, 412))
def delete_persona(persona_id: str, caller: Writer, store: TheStore, now: Now, based_on: IfMatch) -> Response:
    """Hide a persona that no campaign needs any more; it is removed with its examples after 30 days."""
    with guarded(based_on):
        store.personas.delete(caller.tenant_id, persona_id, at=now, expect_version=based_on)
    return Response(status_code=204)


@router.post(
    "/{persona_id}/examples",
    status_code=201,
    response_model=ExampleView,
    summary="Add a writing example",
    responses=documented(404, 409),
)
def add_example(
    persona_id: str,
    caller: Writer,
    store: TheStore,
    now: Now,
    given: Annotated[
        dict[str, Any],
        SchemaOf(WritingExampleInput),
        Body(title="WritingExampleInput", openapi_examples={"blog": {"value": WRITING}}),
    ],
) -> Response:
    """Store something the persona wrote; at most 50 of them."""
    example = WritingExample.model_validate(
        {
            **checked(WritingExampleInput, given).to_wire(),
            "id": new_id("example"),
            "tenantId": caller.tenant_id,
            "personaId": store.personas.get(caller.tenant_id, persona_id).id,
            "createdAt": now,
        }
    )
    stored = store.examples.add(example)
    mark_stale(store, caller.tenant_id, persona_id, now=now)
    return sent(body_of(stored), 201, Location=f"/personas/{persona_id}/examples/{stored.id}")


@router.get(
    "/{persona_id}/examples", response_model=ExampleList, summary="Its writing examples", responses=documented(404)
)
def list_examples(persona_id: str, caller: Reader, store: TheStore) -> Response:
    """Return all examples, newest first."""
    return sent({"items": [body_of(each) for each in store.examples.list(caller.tenant_id, persona_id)]})


@router.get(
    "/{persona_id}/examples/{example_id}",
    response_model=ExampleView,
    summary="One writing example",
    responses=documented(404),
)
def read_example(persona_id: str, example_id: str, caller: Reader, store: TheStore) -> Response:
    store.personas.get(caller.tenant_id, persona_id)
    return sent(body_of(store.examples.get(caller.tenant_id, persona_id, example_id)))


@router.delete(
    "/{persona_id}/examples/{example_id}",
    status_code=204,
    summary="Delete a writing example",
    responses=documented(404),
)
def delete_example(persona_id: str, example_id: str, caller: Writer, store: TheStore, now: Now) -> Response:
    """Remove the text at once."""
    store.personas.get(caller.tenant_id, persona_id)
    store.examples.delete(caller.tenant_id, persona_id, example_id, at=now)
    mark_stale(store, caller.tenant_id, persona_id, now=now)
    return Response(status_code=204)


@router.post(
    "/{persona_id}/analyze",
    status_code=202,
    response_model=AnalysisAccepted,
    summary="Read the style",
    responses=documented(404, 409),
)
def analyze_persona(persona_id: str, caller: Writer, store: TheStore, courier: TheCourier, now: Now) -> Response:
    """Have the persona's style read from its newest ten examples; five are needed.

    Poll the persona: `analysisStatus` becomes `success`, with `inferredStyle`, or `failure`. Asking again
    before that starts nothing new. A run that breaks is followed by another one, up to five.
    """
    persona = request_analysis(store, caller.tenant_id, persona_id, now=now, correlation_id=correlation.current.get())
    # What is not delivered now, housekeeping delivers: the wish is stored.
    courier.deliver(persona.tenant_id, persona.id, wait=True)
    wish = open_wish(store, persona.tenant_id, persona.id)
    body = AnalysisAccepted(
        id=persona.id,
        status=persona.analysis_status,
        message="the style is being read",
        execution_id=wish.payload.get("run") if wish else None,
    )
    return sent(body.to_wire(), 202, Location=f"/personas/{persona.id}")
