"""For people who write packs: a new pack, differences, references."""
