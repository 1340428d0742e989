"""Scripts: schedules written by hand, a small text language in which messages, timers and crashes are decided.

    commands.py    what may be said, as data
    words.py       a line's words
    grammar.py     a line -> a command
    text.py        a file -> blocks of commands, each with the output that was recorded below it
    values.py      values as a script writes and compares them
    naming.py      which of the pending messages a command means
    telling.py     what changed, as lines
    checking.py    what is expected
    play.py        a script, command by command, on a world
    steps.py       steps -> text and back, for who finds schedules by search

The grammar is documented in docs/scripts.md.
"""
