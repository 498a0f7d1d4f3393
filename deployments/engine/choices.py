"""Puts names of tenants, brands, personas and templates into Prefect's forms: `python -m deployments.engine.choices`.

The last step of a deploy, which writes the forms anew; housekeeping does it every minute. `CAMPAIGNS_FORM_TENANTS` says
whose names they are; without it the forms take ids and names as they are typed.
"""

from campaigns.settings import get_settings
from campaigns.wiring import get_store
from tasks.upkeep.choices import keep_choices


def main() -> None:
    if not (tenants := get_settings().tenants_of_forms()):
        print("CAMPAIGNS_FORM_TENANTS is not set: the forms offer no choices")
        return
    changed = keep_choices(get_store(), tenants)
    print(f"choices of {', '.join(tenants)}: {', '.join(changed) or 'all forms are in step'}")


if __name__ == "__main__":
    main()
