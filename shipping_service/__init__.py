"""The parcels: booked with a tracking number, cancelled before they leave."""
