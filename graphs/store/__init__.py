from graphs.store.items import expire_items
from graphs.store.tenant_store import TenantStore

__all__ = ["TenantStore", "expire_items"]
