"""The secrets that stand where content stands: each 32 bytes, drawn from a seed, with the name of its place.

    secret = 4 blocks of 8 bytes, each block = the run's mark (3 bytes) + 5 random letters or digits

The mark is what makes hundreds of megabytes searchable for hundreds of secrets at once: one search for the mark finds
the places where a secret could stand, and the block decides whether one does. Whatever holds 15 bytes of a secret in a
row holds a whole block of it, so a piece that survived where the rest was overwritten is found too.
"""

import random
import string

BLOCK_BYTES = 8
BLOCKS = 4
MARK_BYTES = 3
SECRET_BYTES = BLOCK_BYTES * BLOCKS
# A piece of a secret as long as this holds a whole block, wherever it was cut.
PIECE_BYTES = 2 * BLOCK_BYTES - 1

LETTERS = string.ascii_letters
BASE62 = string.ascii_letters + string.digits


class Vault:
    """All secrets of a run: name → text. The same seed gives the same secrets to the same names asked in order."""

    def __init__(self, seed):
        self.seed = seed
        self._rng = random.Random("canary %s" % seed)
        # A digit between two letters, of which no word of a program or a hexadecimal number is made.
        draw = self._rng.choice
        self.mark = draw("ghjkmnpqrstvwxyz") + draw("23456789") + draw("GHJKMNPQRSTVWXYZ")
        self.secrets = {}
        self._blocks = set()

    def new(self, name):
        """A new secret; one more of the same name gets a number."""
        unique, number = name, 1
        while unique in self.secrets:
            number += 1
            unique = "%s #%d" % (name, number)
        text = "".join(self._block() for _ in range(BLOCKS))
        self.secrets[unique] = text
        return text

    def _block(self):
        """No two blocks are equal, even if case does not count: each names its secret."""
        while True:
            block = self.mark + "".join(self._rng.choice(BASE62) for _ in range(BLOCK_BYTES - MARK_BYTES))
            if block.lower() not in self._blocks:
                self._blocks.add(block.lower())
                return block

    def seed_bits(self, count):
        """Random bits that are no secret: for UUIDs, which are sent as they are."""
        return self._rng.getrandbits(count)

    def blocks(self):
        """(block, name of the secret that it is of), as bytes and text."""
        for name, text in self.secrets.items():
            for at in range(0, SECRET_BYTES, BLOCK_BYTES):
                yield text[at:at + BLOCK_BYTES].encode(), name
