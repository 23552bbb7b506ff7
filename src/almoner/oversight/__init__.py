"""Quality, blind spots, receipts."""
