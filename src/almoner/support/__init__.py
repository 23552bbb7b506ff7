"""Work out categories and programmes for support candidates, and propose them."""
