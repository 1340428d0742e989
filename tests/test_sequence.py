"""The sequence CRDT: it agrees with a list where one person types, and converges where several do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError, stream
from simclock.protocols.crdts.sequence import BLOCK_MAX, ROOT, Delete, Insert, Sequence, UnknownElement


def typed(sequence, position, text):
    """Type a text character by character; gives the operations."""
    return [sequence.insert(position + i, character) for i, character in enumerate(text)]


def everywhere(replicas, operations):
    for replica in replicas:
        for operation in operations:
            replica.apply(operation)


def test_one_person_edits_as_in_a_list():
    luck = stream(7, "sequence")
    mine, other, model = Sequence(1), Sequence(2), []
    for number in range(6 * BLOCK_MAX):
        position = luck.randrange(len(model) + 1)
        if model and luck.randrange(4) == 0:
            length = luck.randrange(1, min(4, len(model) - min(position, len(model) - 1)) + 1)
            position = min(position, len(model) - length)
            operation = mine.delete(position, length)
            del model[position : position + length]
        else:
            text = "abc"[: luck.randrange(1, 4)] + chr(200 + number % 500)
            operation = mine.insert(position, text)
            model[position:position] = text
        other.apply(operation)
    assert str(mine) == str(other) == "".join(model) and len(mine) == len(model) and mine == other
    assert [mine.at(position) for position in range(0, len(model), 50)] == model[::50]


def test_an_emoji_is_one_element():
    mine = Sequence(0)
    mine.insert(0, "a\U0001f600b")
    assert len(mine) == 3
    mine.delete(1)
    assert str(mine) == "ab"


@given(st.data())
def test_copies_converge_whatever_is_concurrent(data):
    """Three people edit; operations travel in causal order, and each copy takes what is concurrent in its own order."""
    copies = [Sequence(replica) for replica in range(3)]
    history: list[tuple[int, tuple[int, ...], object]] = []  # (author, what it had seen of each, operation)
    seen = [[0, 0, 0] for _ in range(3)]
    by_author = [[], [], []]
    for _ in range(data.draw(st.integers(1, 25))):
        who = data.draw(st.integers(0, 2))
        source = data.draw(st.integers(0, 2))
        ready = seen[who][source] < len(by_author[source])
        if source != who and ready:
            needs, operation = by_author[source][seen[who][source]]
            if all(seen[who][k] >= needs[k] for k in range(3) if k != source):
                copies[who].apply(operation)
                seen[who][source] += 1
            continue
        size = len(copies[who])
        if size and data.draw(st.booleans()) and data.draw(st.booleans()):
            operation = copies[who].delete(data.draw(st.integers(0, size - 1)))
        else:
            operation = copies[who].insert(data.draw(st.integers(0, size)), data.draw(st.sampled_from(("x", "yz"))))
        by_author[who].append((tuple(seen[who]), operation))
        seen[who][who] += 1
        history.append((who, tuple(seen[who]), operation))
    while any(seen[who][k] < len(by_author[k]) for who in range(3) for k in range(3)):
        for who in range(3):
            for source in (0, 1, 2) if who else (2, 1, 0):
                while seen[who][source] < len(by_author[source]):
                    needs, operation = by_author[source][seen[who][source]]
                    if any(seen[who][k] < needs[k] for k in range(3) if k != source):
                        break
                    copies[who].apply(operation)
                    seen[who][source] += 1
    assert copies[0] == copies[1] == copies[2]
    merged = Sequence(9)
    merged.merge(copies[0])
    assert merged == copies[0] and str(merged) == str(copies[0])


@pytest.mark.parametrize("backwards", [False, True])
def test_texts_typed_at_one_place_are_not_interleaved(backwards):
    """Fugue, theorem: maximal non-interleaving, also of what is typed from its end to its beginning."""
    one, other = Sequence(1), Sequence(2)
    everywhere((other,), [one.insert(0, "[]")])

    def word(sequence, text):
        if backwards:
            return [sequence.insert(1, character) for character in reversed(text)]
        return typed(sequence, 1, text)

    first, second = word(one, "milk"), word(other, "eggs")
    everywhere((one,), second)
    everywhere((other,), first)
    assert str(one) == str(other)
    assert str(one) in ("[milkeggs]", "[eggsmilk]")


def test_an_operation_that_comes_twice_changes_nothing():
    mine, other = Sequence(1), Sequence(2)
    insert = mine.insert(0, "abc")
    delete = mine.delete(1)
    assert [other.apply(each) for each in (insert, insert, delete, delete)] == [True, False, True, False]
    assert str(other) == "ac" and other.deleted == 1


def test_two_who_delete_one_element_delete_it_once():
    one, other = Sequence(1), Sequence(2)
    other.apply(one.insert(0, "abc"))
    mine, theirs = one.delete(1), other.delete(1)
    assert not one.apply(theirs) and not other.apply(mine)
    assert str(one) == str(other) == "ac" and len(one) == 2


def test_what_comes_too_early_is_refused():
    sequence = Sequence(1)
    with pytest.raises(UnknownElement, match=r"element \(2, 7\) is not known here"):
        sequence.apply(Insert(2, 8, (2, 7), True, "x"))
    with pytest.raises(UnknownElement, match="delivered causally"):
        sequence.apply(Delete(((2, 1),)))


def test_a_merge_takes_deletions_and_both_sides():
    one, other = Sequence(1), Sequence(2)
    other.apply(one.insert(0, "hello"))
    one.delete(0)
    other.insert(5, "!")
    one.merge(other)
    other.merge(one)
    assert str(one) == str(other) == "ello!" and one == other


def test_a_cursor_follows_its_element():
    mine = Sequence(1)
    mine.insert(0, "hello")
    cursor = mine.id_at(2)
    assert mine.position_after(cursor) == 3
    mine.insert(0, "oh, ")
    mine.delete(6)
    assert mine.position_after(cursor) == 6 and mine.position_after(ROOT) == 0 and mine.id_at(-1) == ROOT


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda s: s.insert(4, "x"), "insert at 4: the sequence has 3 elements"),
        (lambda s: s.insert(-1, "x"), "insert at -1"),
        (lambda s: s.insert(0, ""), "the text is empty"),
        (lambda s: s.delete(3), "delete 1 at 3: the sequence has 3 elements"),
        (lambda s: s.delete(0, 0), "delete 0 at 0"),
        (lambda s: Sequence(-1), "replica -1 is out of range"),
    ],
)
def test_bad_input(call, says):
    sequence = Sequence(1)
    sequence.insert(0, "abc")
    with pytest.raises(UsageError, match=says):
        call(sequence)
