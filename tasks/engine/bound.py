"""A worker that acts for one tenant only: anybody with access to Prefect may type any tenant, and it refuses others."""

from campaigns.errors import Fault, FaultsError
from campaigns.settings import get_settings


def require_own_tenant(tenant_id: str) -> None:
    """Refuse another tenant than the one that this process is bound to, if it is (`CAMPAIGNS_TENANT`).

    Raises:
        FaultsError: it is another one.
    """
    own = get_settings().tenant
    if own and tenant_id != own:
        raise FaultsError([Fault("tenantId", f"must be {own}: this worker acts for no other tenant", "OTHER_TENANT")])
