"""Templates: changed by version, each change in the log of the template, one name per tenant, purged later."""

import builtins
from datetime import datetime

from campaigns.errors import NotFoundError
from campaigns.model.library.template import Template, TemplateChange
from campaigns.store.commits.transaction import contended
from campaigns.store.items import keys
from campaigns.store.items.counts import MAX_TEMPLATES
from campaigns.store.items.documents import Page, item_of, value_of
from campaigns.store.library.shared import add, hide, library_item, listed, live, moved, replace
from campaigns.store.tables.table import ABSENT, Item, Put, Repository


class TemplateRepository(Repository):
    """Templates by tenant. Unknown, foreign, malformed and deleted ids all answer `NotFoundError`."""

    def create(self, template: Template, *, actor: str) -> Template:
        """Write a new template and reserve its name.

        Raises:
            LimitReachedError: the tenant has `MAX_TEMPLATES` templates.
            ConflictError: the tenant has a template of this name (case and spaces aside), or the id is taken.
        """
        change = TemplateChange(version=1, action="created", actor=actor, at=template.created_at)
        item, name, log = _item(template), _name_item(template), _log(template, change)
        return add(self._table, template, item, limit=MAX_TEMPLATES, named=name, beside=[log])

    def get(self, tenant_id: str, template_id: str) -> Template:
        return live(self._table.get(keys.template(tenant_id, template_id)), Template, "template", template_id)

    def named(self, tenant_id: str, name: str) -> Template:
        """Return the template of this name (case and spaces aside).

        Raises:
            NotFoundError: the tenant has none.
        """
        found = self._table.get(keys.template_name(tenant_id, name))
        if found is None:
            raise NotFoundError("template", ascii(name)[1:-1][:80])
        return self.get(tenant_id, found["template_id"])

    def list(self, tenant_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Template]:
        """Return templates in the order they were created, which no update changes."""
        return listed(self._table, tenant_id, "template", Template, limit=limit, cursor=cursor)

    def update(
        self, template: Template, *, expect_version: int, action: str, actor: str, reason: str | None = None
    ) -> Template:
        """Replace the template, note the change, and return it with its new version.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
            ConflictError: the new name is another template's.
        """
        stored = self.get(template.tenant_id, template.id)
        changed = template.model_copy(update={"version": expect_version + 1})
        change = TemplateChange(
            version=changed.version, action=action, actor=actor, at=template.updated_at, reason=reason,
            fields=_changed_fields(stored, changed),
        )  # fmt: skip
        renamed = moved(_name_item(stored), _name_item(changed))
        return replace(self._table, changed, _item(changed), _log(changed, change), renamed=renamed)

    @contended
    def delete(self, tenant_id: str, template_id: str, *, at: datetime, expect_version: int | None = None) -> None:
        """Hide the template and free its name; its campaigns stay. It is purged with its log after 30 days.

        Raises:
            VersionConflictError: `expect_version` is not the stored version.
        """
        template = self.get(tenant_id, template_id)
        hide(self._table, template, _item, _name_item(template), at=at, expect_version=expect_version)

    def changes(self, tenant_id: str, template_id: str) -> builtins.list[TemplateChange]:
        """Return the log of a template, the newest 100 changes, newest first.

        Raises:
            NotFoundError: there is no such template.
        """
        pk = keys.template(tenant_id, self.get(tenant_id, template_id).id).pk
        items = self._table.query(pk, keys.TEMPLATE_CHANGES, limit=100, reverse=True)
        return [value_of(item, TemplateChange) for item in items]


def _item(template: Template) -> Item:
    return library_item("template", keys.template(template.tenant_id, template.id), template)


def _name_item(template: Template) -> Item:
    key = keys.template_name(template.tenant_id, template.name)
    return {**key._asdict(), "kind": "template-name", "template_id": template.id}


def _log(template: Template, change: TemplateChange) -> Put:
    key = keys.template_change(template.tenant_id, template.id, change.version)
    return Put(item_of(key, "template-change", change), ABSENT)


def _changed_fields(before: Template, after: Template) -> list[str]:
    old, new = before.to_wire(), after.to_wire()
    return sorted(name for name in old | new if old.get(name) != new.get(name) and name not in {"version", "updatedAt"})
