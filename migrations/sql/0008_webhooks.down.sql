DROP TABLE webhook_secrets, webhook_deliveries;
