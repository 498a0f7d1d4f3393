"""Faults of the doors, the agents and the keys that a marked property must meet alone; none of them needs a run."""

from __future__ import annotations

from tests.mutants.run import Mutant

SERVED = "tests/properties/test_property_03_access.py::test_a_request_is_served_exactly_when_its_token_is_good"
PLANNED = (
    "tests/properties/test_property_04_agents.py::"
    "test_the_planner_is_given_everything_and_gives_back_every_slot_or_a_reason"
)
CHECKED = (
    "tests/properties/test_property_07_input_validation.py::"
    "test_a_brief_is_accepted_exactly_when_the_written_rules_accept_it"
)
ALONE = "tests/properties/test_property_12_isolation.py::test_what_a_tenant_sees_does_not_depend_on_others_in_sqlite"

MUTANTS: list[Mutant] = [
    {
        "name": "property 3: a read scope may write",
        "file": "api/auth/identity.py",
        "old": "        return scope in self.scopes\n",
        "new": '        return scope in self.scopes or scope.replace(":write", ":read") in self.scopes\n',
        "killed_by": SERVED,
    },
    {
        "name": "property 3: a token is good for two hours more",
        "file": "api/auth/identity.py",
        "old": "    if now.timestamp() >= exp:",
        "new": "    if now.timestamp() >= exp + 7200:",
        "killed_by": SERVED,
    },
    {
        "name": "property 3: one tenant's campaigns are listed for everybody",
        "file": "api/routers/campaigns.py",
        "old": "    page = store.campaigns.list(caller.tenant_id, status",
        "new": '    page = store.campaigns.list("acme", status',
        "killed_by": SERVED,
    },
    {
        "name": "property 3: a key that is unknown or revoked is no matter",
        "file": "api/auth/identity.py",
        "old": '        if key is None:\n            raise TokenRefusedError("key unknown or revoked")\n',
        "new": "        if key is None:\n            key = self._ring.signing\n",
        "killed_by": SERVED,
    },
    {
        "name": "property 3: a signature is not looked at",
        "file": "campaigns/keys/jws.py",
        "old": '            "verify_iat": False,\n',
        "new": '            "verify_iat": False,\n            "verify_signature": False,\n',
        "killed_by": SERVED,
    },
    {
        "name": "property 3: a token of another kind is good",
        "file": "api/auth/identity.py",
        "old": '        if set(header) != {"alg", "kid", "typ"} or header["typ"] != TYPE:',
        "new": '        if set(header) != {"alg", "kid", "typ"}:',
        "killed_by": SERVED,
    },
    {
        "name": "property 3: whoever lacks a scope is let in",
        "file": "api/auth/identity.py",
        "old": "        if not found.may(scope):",
        "new": "        if not found.may(scope) and not found.scopes:",
        "killed_by": SERVED,
    },
    {
        "name": "property 3: a run is served for any tenant that is typed",
        "file": "tasks/engine/bound.py",
        "old": "    if own and tenant_id != own:",
        "new": "    if own and not tenant_id:",
        "killed_by": SERVED,
    },
    {
        "name": "property 4: the planner does not know the brand",
        "file": "campaigns/agents/prompts.py",
        "old": '        "brand": _brand(given.brand_config),\n        "personas"',
        "new": '        "brand": None,\n        "personas"',
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: the brand is not handed to the planner",
        "file": "campaigns/build/planning.py",
        "old": "            brand_config=setting.brand,",
        "new": "            brand_config=None,",
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: the brand is not handed to the writer",
        "file": "campaigns/build/writing.py",
        "old": "        brand_config=setting.brand,",
        "new": "        brand_config=None,",
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: the writer is handed whoever stands first",
        "file": "campaigns/build/writing.py",
        "old": "setting.campaign, setting.persona(post.persona_id)",
        "new": "setting.campaign, setting.personas[0]",
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: words are not checked",
        "file": "campaigns/agents/writer.py",
        "old": "        doubtful = quality.blocked or any(",
        "new": "        doubtful = any(",
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: another tenant's persona is used",
        "file": "campaigns/agents/guarded.py",
        "old": "            if owner != tenant_id:",
        "new": '            if name == "tenant_id" and owner != tenant_id:',
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: another tenant's order is taken",
        "file": "campaigns/agents/guarded.py",
        "old": "            if owner != tenant_id:",
        "new": '            if name != "tenant_id" and owner != tenant_id:',
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: slots come back in another order",
        "file": "campaigns/agents/planner.py",
        "old": "        return PlannerOutput(success=True, plan_summary=_summary(posts), posts=posts)",
        "new": ("        return PlannerOutput(success=True, plan_summary=_summary(posts), posts=posts[::-1])"),
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: what was asked is not counted",
        "file": "campaigns/agents/providers/text_model.py",
        "old": "        self.usage = self.usage.plus(ModelUsage(model=self.name, calls=1))\n",
        "new": "",
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: topics may say the same twice",
        "file": "campaigns/agents/planner.py",
        "old": "        if repeats(answer.topic, taken):",
        "new": "        if repeats(answer.topic, taken[:0]):",
        "killed_by": PLANNED,
    },
    {
        "name": "property 4: an intent may become any other",
        "file": "campaigns/agents/planner.py",
        "old": "        if intent != slot.intent and (slot.intent in _FIXED_INTENTS or intent not in self._intents):",
        "new": "        if intent != slot.intent and slot.intent in _FIXED_INTENTS:",
        "killed_by": PLANNED,
    },
    {
        "name": "property 7: a description may be one letter longer",
        "file": "campaigns/model/brief.py",
        "old": "StringConstraints(min_length=10, max_length=2000)",
        "new": "StringConstraints(min_length=10, max_length=2001)",
        "killed_by": CHECKED,
    },
    {
        "name": "property 7: a line of 200 letters is too long",
        "file": "campaigns/model/base.py",
        "old": "Text200 = Annotated[str, StringConstraints(min_length=1, max_length=200)",
        "new": "Text200 = Annotated[str, StringConstraints(min_length=1, max_length=199)",
        "killed_by": CHECKED,
    },
    {
        "name": "property 7: an agent breaks on wrong input",
        "file": "campaigns/agents/guarded.py",
        "old": "    except ValidationError as error:\n        faults = [fault.to_wire()",
        "new": "    except KeyError as error:\n        faults = [fault.to_wire()",
        "killed_by": CHECKED,
    },
    {
        "name": "property 7: an agent takes whatever it is given",
        "file": "campaigns/agents/guarded.py",
        "old": "takes.model_validate(given)",
        "new": "takes.model_construct(**given)",
        "killed_by": CHECKED,
    },
    {
        "name": "property 7: an agent says only the first fault",
        "file": "campaigns/agents/guarded.py",
        "old": "for fault in faults_of(error)]\n        return",
        "new": "for fault in faults_of(error)[:1]]\n        return",
        "killed_by": CHECKED,
    },
    {
        "name": "property 7: what a persona wrote may be of any length",
        "file": "campaigns/model/library/persona.py",
        "old": "StringConstraints(min_length=10, max_length=10_000)",
        "new": "StringConstraints(min_length=10)",
        "killed_by": CHECKED,
    },
    {
        "name": "property 12: what a link says of itself is not compared",
        "file": "campaigns/approval/invitations.py",
        "old": "if approver is None or not same or early or late:",
        "new": "if approver is None or early or late:",
        "killed_by": ALONE,
    },
    {
        "name": "property 12: the API reads the posts of who asked first",
        "file": "api/routers/campaigns.py",
        "old": "    posts = store.posts.list(*campaign.ref, platform",
        "new": (
            '    first = globals().setdefault("_first", campaign.tenant_id)\n    posts = '
            "store.posts.list(first, campaign.id, platform"
        ),
        "killed_by": ALONE,
    },
    {
        "name": "property 12: campaigns of all tenants lie together",
        "file": "campaigns/store/items/keys.py",
        "old": "    return f\"{_id('tenant', tenant_id)}#{_id('campaign', campaign_id)}\"",
        "new": "    return f\"all#{_id('campaign', campaign_id)}\"",
        "killed_by": ALONE,
    },
    {
        "name": "property 12: everybody's things are listed",
        "file": "campaigns/store/items/keys.py",
        "old": "    return f\"{_id('tenant', tenant_id)}#{kind}s\"",
        "new": '    return f"all#{kind}s"',
        "killed_by": ALONE,
    },
    {
        "name": "property 12: an idempotency key is everybody's",
        "file": "campaigns/store/items/keys.py",
        "old": '#idem", _hashed(key))',
        "new": '#idem"[-5:], _hashed(key))',
        "killed_by": ALONE,
    },
    {
        "name": "property 12: an external reference is everybody's",
        "file": "campaigns/store/items/keys.py",
        "old": '#external-ref", _hashed(ref))',
        "new": '#external-ref"[-13:], _hashed(ref))',
        "killed_by": ALONE,
    },
    {
        "name": "property 12: a persona is everybody's",
        "file": "campaigns/store/items/keys.py",
        "old": "    return Key(f\"{_id('tenant', tenant_id)}#{_id('persona', persona_id)}\", \"persona\")",
        "new": '    return Key(f"all#{_id(\'persona\', persona_id)}", "persona")',
        "killed_by": ALONE,
    },
    {
        "name": "property 12: the API lists the campaigns of who asked first",
        "file": "api/routers/campaigns.py",
        "old": "    page = store.campaigns.list(caller.tenant_id, status",
        "new": (
            '    first = globals().setdefault("_first", caller.tenant_id)\n    page = '
            "store.campaigns.list(first, status"
        ),
        "killed_by": ALONE,
    },
    {
        "name": "property 12: the API lists the personas of who asked first",
        "file": "api/routers/library/personas.py",
        "old": "store.personas.list(caller.tenant_id",
        "new": 'store.personas.list(globals().setdefault("_first", caller.tenant_id)',
        "killed_by": ALONE,
    },
]
