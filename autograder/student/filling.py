"""Lists, dicts and sets that are one on both sides, as the rubric has left them: what it has done to one is done there.

What travels is what is new, so that a loop that appends to a student's queue is as fast as it is long.
"""

from __future__ import annotations

from typing import Any

from autograder.base.i18n import text
from autograder.sandbox import aliases, transforms
from autograder.sandbox.frames import WireError
from autograder.sandbox.links import MOST_HELD
from autograder.sandbox.lists import News
from autograder.sandbox.protocol import FillRequest, Result
from autograder.sandbox.trees import Tree
from autograder.student.arriving import Arriving
from autograder.student.kept import Live
from autograder.student.own_lists import OwnList
from autograder.student.replies import as_list, index_of
from autograder.student.sending import Sent


class Filling(Arriving):
    """What a runner does with lists of objects that the rubric has changed."""

    def fill_lists(self) -> None:
        """Let them be so in the worker."""
        changed = self.host.held.changed_lists()
        try:
            for number, kept, news in changed:
                if isinstance(kept, Live) and transforms.are_parts_in(kept.value):
                    kept.put_off()  # a call of a function gets what stands behind them
                else:
                    self._fill(number, kept, news)
        except BaseException:
            for _, kept, _ in changed:
                kept.forget()
            raise

    def _fill(self, number: int, kept: Live | OwnList, news: News) -> None:
        """Let one hold there what it holds here; its tensors and arrays are one on both sides, unless they are many."""
        parameters = self.host.held.parameters
        sent = Sent(self, "")
        sent.known_arrays = parameters.arrays()
        content, lists = self._tree_of(news.fresh, sent)
        linked = parameters.among(sent.tensors)
        known = {index for index, _ in linked} | set(sent.made)
        fresh = [index for index in range(len(sent.tensors)) if index not in known]
        if not all(sent.tensors[index].is_leaf for index in fresh):
            raise WireError(
                f"a {type(kept.value).__name__} of a student's object cannot hold a tensor with a graph that ends on"
                " this side; put in `.detach()` of it, or what it was calculated from"
            )
        if kept.tensors + len(fresh) > MOST_HELD:
            fresh = []
        kept.tensors += len(fresh)
        request: FillRequest = {
            "op": "fill",
            "object": number,
            "part": [news.begin, news.end],
            "content": content,
            "linked": linked,
            "fresh": fresh,
            "lists": len(lists),
        }
        words = text("the process did not answer")
        try:
            answer, _ = self.host.ask(request, sent.tensors, on_timeout=words, callback=sent.call_back)
        except WireError as error:
            raise WireError(
                f"{error}, as the rubric has put into a {type(kept.value).__name__} of a student's object since the"
                " last call; put in less before each call, or call a method of the object that does so"
            ) from None
        self.host.checked(lambda: self._adopt(answer, request, sent))
        self.host.checked(lambda: self._adopt_lists(answer, kept, lists))

    def _adopt(self, answer: Result, request: FillRequest, sent: Sent) -> None:
        """Let tensors and arrays be one on both sides, by the numbers of an untrusted answer."""
        for index, link in as_list(answer.get("kept", [])):
            if index not in request["fresh"]:
                raise WireError("malformed parameter")
            tensor = sent.tensors[index]
            self.host.held.parameters.adopt(link, tensor, None)
            self.host.held.parameters.hold_with_array(tensor)

    def _adopt_lists(self, answer: Result, kept: Live | OwnList, lists: list[Any]) -> None:
        """Let lists that the rubric has put into one be so, too."""
        for index, number in as_list(answer.get("kept_lists", [])):
            inner = lists[index_of(index, lists)]
            if isinstance(kept, OwnList):
                self.host.held.adopt_list(number, kept.with_inside(inner))
            else:
                self.host.held.adopt_live(number, inner)

    def _tree_of(self, fresh: Any, sent: Sent) -> tuple[Tree, list[Any]]:
        """Return the tree of what is new, and the lists in it that are new there, in order of their numbers."""
        held = self.host.held
        inside = aliases.all_in(fresh) or set()
        unknown = (
            inside - {id(fresh)} - held.trees_of_lists().keys() - {id(own.value) for own in held.own_lists.values()}
        )
        if not unknown:
            return sent.encode_whole(fresh), []
        lists: list[Any] = []
        return sent.encode_numbered(fresh, unknown, lists.append, {}), lists
