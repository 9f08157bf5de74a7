"""What people do: visits to the shop, orders, returns, newsletters and consent, as events."""
