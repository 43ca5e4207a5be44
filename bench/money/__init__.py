"""Does the money add up under load, with processes that are killed and stores that go away? See __main__."""
