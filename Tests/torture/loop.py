"""One thread, many small stories: generators that yield how long they sleep, or the program they wait for.

    def story():
        program = programs.start(...)
        yield Ended(program, within=5)      # resumes when it has ended, or after 5 s
        yield 0.3                           # resumes 0.3 s later

Nothing here is parallel, so no story needs a lock. The loop looks at its programs a hundred times a second.
"""

import heapq
import itertools
import time

TICK = 0.01


class Ended:
    """Wait until a program has ended, or for so many seconds."""

    def __init__(self, program, within):
        self.program = program
        self.within = within


class Loop:
    def __init__(self):
        self._due = []
        self._order = itertools.count()
        self._waiting = []

    def spawn(self, story, after=0.0):
        heapq.heappush(self._due, (time.monotonic() + after, next(self._order), story))
        return story

    @staticmethod
    def is_over(story):
        return story.gi_frame is None

    def run(self, until):
        """Runs stories until `until()` is true."""
        while not until():
            self.step()
            time.sleep(TICK)

    def run_all(self, stories, deadline):
        """Runs until all of these are over; False when the deadline (monotonic) came first."""
        stories = [self.spawn(s) for s in stories]
        self.run(lambda: all(self.is_over(s) for s in stories) or time.monotonic() > deadline)
        return all(self.is_over(s) for s in stories)

    def step(self):
        now = time.monotonic()
        waiting, self._waiting = self._waiting, []
        for entry in waiting:
            deadline, program, story = entry
            if program.poll() is not None or now >= deadline:
                self._advance(story)
            else:
                self._waiting.append(entry)
        while self._due and self._due[0][0] <= now:
            _, _, story = heapq.heappop(self._due)
            self._advance(story)

    def _advance(self, story):
        try:
            wish = next(story)
        except StopIteration:
            return
        if isinstance(wish, Ended):
            self._waiting.append((time.monotonic() + wish.within, wish.program, story))
        else:
            self.spawn(story, wish)
