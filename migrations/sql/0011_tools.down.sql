DROP TABLE mcp_server_tools, mcp_servers, tool_imports, oauth_renewals, oauth_authorizations, vault_secrets, vault_keys,
    tool_approvals, tool_calls, tool_grants, tool_policies, tool_versions, tools;
