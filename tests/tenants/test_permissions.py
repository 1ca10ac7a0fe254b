import itertools
from uuid import uuid4

import pytest

from core.errors import Forbidden
from core.tenancy import Role, TenantContext
from tenants.permissions import Permission, lesser_role, permissions_of, require, roles_with

RANKING = [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER]


def ctx(role: Role) -> TenantContext:
    return TenantContext(uuid4(), uuid4(), role)


@pytest.mark.parametrize(("greater", "lesser"), itertools.pairwise(RANKING))
def test_a_greater_role_may_do_all_that_a_lesser_one_may(greater: Role, lesser: Role) -> None:
    assert permissions_of(greater) >= permissions_of(lesser)


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_belongs_to_the_owner(permission: Permission) -> None:
    assert Role.OWNER in roles_with(permission)


@pytest.mark.parametrize(
    ("permission", "lowest"),
    [
        (Permission.CHAT, Role.VIEWER),
        (Permission.DOCUMENTS_WRITE, Role.MEMBER),
        (Permission.KNOWLEDGE_BASES_WRITE, Role.ADMIN),
        (Permission.API_KEYS_MANAGE, Role.ADMIN),
    ],
)
def test_a_permission_is_required_exactly_of_those_who_have_it(permission: Permission, lowest: Role) -> None:
    allowed = RANKING[: RANKING.index(lowest) + 1]
    for role in RANKING:
        if role in allowed:
            require(ctx(role), permission)
        else:
            with pytest.raises(Forbidden):
                require(ctx(role), permission)


def test_a_refusal_names_the_permission_and_who_has_it() -> None:
    with pytest.raises(Forbidden, match=r"knowledge_bases:write.*viewer.*owner, admin"):
        require(ctx(Role.VIEWER), Permission.KNOWLEDGE_BASES_WRITE)


@pytest.mark.parametrize(("one", "other"), itertools.product(RANKING, RANKING))
def test_the_lesser_role_may_do_no_more_than_either(one: Role, other: Role) -> None:
    assert permissions_of(lesser_role(one, other)) == permissions_of(one) & permissions_of(other)
