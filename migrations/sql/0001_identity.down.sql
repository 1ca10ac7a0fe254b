DROP TABLE refresh_tokens, api_keys, memberships, users, tenants;
DROP PROCEDURE protect_tenant_table;
