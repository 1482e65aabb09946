"""What a call, or the iterator that it returned, does to a rubric's arguments; `sandbox.effects` tells it.

What the function may change is taken over, in the rubric's own tensors, lists, networks; other changes are noted.
Everything that arrives is untrusted: `WireError`, or what malformed values make Python raise.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

import torch

from autograder.sandbox import aliases, frozen
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.lists import CHANGEABLE
from autograder.sandbox.protocol import CallRequest, Result
from autograder.sandbox.values import Decoder
from autograder.student import own_objects
from autograder.student.given import Changes, Given
from autograder.student.linked import LinkedParameters, check_hooks
from autograder.student.own_lists import OwnList
from autograder.student.replies import as_list, index_of, update_argument, update_flags


class Effects:
    """Those of one call.

    Args:
        request: it.
        inputs: the tensors among its arguments.
        owners: the declared parameter or the argument that each of these was passed as.
        given: its arguments.
        note: is told what was changed and may be, where nobody has declared it.
        later: returns what may be changed of them after the call.
        trained: the indices of those tensors that are of networks and optimisers.
    """

    def __init__(
        self,
        request: CallRequest,
        inputs: list[torch.Tensor],
        owners: Mapping[int, str],
        given: Given,
        note: Callable[[str], None] | None,
        later: Callable[[], Changes],
        trained: Container[int],
    ) -> None:
        self._changes, self.inputs, self._owners = request["changes"], inputs, owners
        self._arguments, self._names, self._note_allowed = given.values, given.names, note
        self._given, self._later, self._trained = given, later, trained
        self._takes_over = request.get("takes_over", ())
        self._containers, self._given_back = request.get("containers", ()), request.get("given_back", ())
        self._request = request
        self._named = 0  # values in the lists that a message has named
        self.handed: set[int] = set()
        """The numbers of lists among the arguments that functions of the rubric's have got, until the call is over."""
        self.changed: list[str] = []
        """The parameters changed although they may not; the list grows while an iterator is advanced."""

    @property
    def are_shown(self) -> bool:
        """Whether anything of what is done to the arguments is done here, or looked at."""
        return bool(self._changes or self._takes_over or self._given_back or self._given.looked_at)

    def take(self, answer: Result, received: list[Received]) -> None:
        """Take over what an answer says of tensors."""
        self._named = 0
        if "updates" in answer and (updates := as_list(answer["updates"])):
            decoder = Decoder(tensors_of(received))
            for index, values, gradient, requires_grad, is_leaf in updates:
                if index not in self._changes and index not in self._takes_over:
                    raise WireError("a change of an argument that may not change")
                self._allow(self._owners.get(index))
                slope = decoder.decode(gradient)
                check_hooks(self.inputs[index], slope)
                may_convert = index in self._trained
                update_argument(self.inputs[index], decoder.decode(values), slope, may_convert=may_convert)
                update_flags(self.inputs[index], requires_grad, is_leaf)
        if "slopes" in answer:
            self._take_slopes(as_list(answer["slopes"]), Decoder(tensors_of(received)))
        if "changed" in answer:
            for index in as_list(answer["changed"]):
                name = self._owners.get(index)
                if index not in self._changes and (index not in self._takes_over or name in self._given.looked_at):
                    self._note(name)

    def _take_slopes(self, slopes: list[Any], decoder: Decoder) -> None:
        for index, tree in slopes:
            tensor, gradient = self.inputs[index_of(index, self.inputs)], decoder.decode(tree)
            if not (tensor.is_leaf and tensor.requires_grad) or index in self._changes:
                raise WireError("a gradient of what has none")
            if gradient is not None and (gradient.shape, gradient.dtype) != (tensor.shape, tensor.dtype):
                raise WireError("malformed gradient")
            check_hooks(tensor, gradient)
            tensor.grad = gradient

    def adopt(self, answer: Result, parameters: LinkedParameters) -> None:
        """Link the arguments that an answer says have been kept."""
        for index, number in as_list(answer.get("kept", [])):
            tensor = self.inputs[index_of(index, self.inputs)]
            if not tensor.is_leaf:
                raise WireError("malformed parameter")
            name = self._owners.get(index, "")
            shows = index in self._changes or name in self._given.looked_at
            if not shows and ("object" in self._request or not tensor.requires_grad):
                parameters.give(number, tensor)
            else:
                parameters.adopt(number, tensor, None if shows else name)

    def find(self, path: object) -> Any:
        """Return the list or the like of the arguments that an untrusted path leads to.

        Raises:
            WireError: there is none, or it stands for too much in too many places.
        """
        found = frozen.found_at(
            [own_objects.held_by(self._arguments[place]) for place in self._containers], as_list(path)
        )
        self._named += aliases.size_of(found)
        if self._named > aliases.MAX_SIZE:
            raise WireError("one list stands for too much in too many places")
        return found

    def kept_lists(self, answer: Any, *, is_over: bool = True) -> list[tuple[object, OwnList]]:
        """Return number and list of those arguments that an untrusted answer says have been kept.

        Args:
            answer: it.
            is_over: whether the call is; until then, its end tells whether what may not change has changed.
        """
        found, later = [], self._later()
        self._named = 0 if not is_over else self._named
        for path, number in as_list(answer["kept_lists"]):
            own = self.find(path)
            if type(own) not in CHANGEABLE:
                raise WireError("malformed path")
            name = self._names[self._containers[path[0]]]
            may_change = (name,) if self._given.shows(name) else later if is_over else ()
            found.append((number, OwnList(own, name, may_change, later.note, later.gives_on)))
            found[-1][1].is_noted = is_over
        return found

    def given_on(self, pairs: object, tensors: list[torch.Tensor]) -> None:
        """Let tensors that a function of the rubric's gets be the arguments that an untrusted message says they are.

        They stay copies where the reference's code gives it none of them.
        """
        for out, i in as_list(pairs):
            place, own = index_of(out, tensors), self.inputs[index_of(i, self.inputs)]
            new = tensors[place]
            if new.requires_grad or own.requires_grad or (new.shape, new.dtype) != (own.shape, own.dtype):
                raise WireError("malformed argument of a function")
            if self._later().gives_on(self._owners.get(i, "")):
                tensors[place] = own

    def note_all(self, names: list[str]) -> None:
        """Note what was changed of arguments of earlier calls although it may not; each is noted once."""
        while names:
            self._note(names.pop())

    def refill(self, answer: Result, result: Any) -> Any:
        """Take over what was done to lists, dicts and sets, which come beside a result; return the result."""
        if "refilled" not in answer:
            return result
        refilled = as_list(answer["refilled"])
        for place in refilled:
            if place not in self._containers:
                raise WireError("a change of an argument that holds nothing")
            name = self._names[place]
            if place in self._given_back and name not in self._given.looked_at:
                self._allow(name)
            else:
                self._note(name)
        if not any(place in self._given_back for place in refilled):
            return result
        if type(result) is not tuple or len(result) != 1 + len(self._given_back):
            raise WireError("no arguments beside the result")
        own, *contents = result
        given_back = dict(zip(self._given_back, contents, strict=True))
        own_objects.refill(
            [self._arguments[place] for place in self._containers],
            [given_back.get(place) for place in self._containers],
            as_list(answer.get("moved", [])),
        )
        return own

    def _allow(self, name: str | None) -> None:
        if name and self._note_allowed is not None:
            self._note_allowed(name)

    def _note(self, name: str | None) -> None:
        if name and name not in self.changed:
            self.changed.append(name)
