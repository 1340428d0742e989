"""Mutation testing of a protocol by its own scenario, or by tests: one token is changed, and somebody has to notice.

    mutants.py     the changes that a source has, and a sample of them
    instrument.py  a source compiled with counters: how often the changed place ran, and no loop without an end
    worker.py      the process in which one mutant is hunted, its module replaced when it is imported
    hunting.py     what that process does: seeds one after the other, until one is violated
    testing.py     all mutants, over all cores
    suite.py       the tests as judges: the right code passes them, each mutant is run until the first fails
    forks.py       the process that has imported all but what is under test, and forks one for each mutant
    session.py     what that one does: a pytest session, whose loops are counted
    records.py     what is kept in the results database
    report.py      the score, and the survivors with their places and diffs

Sources: DeMillo, Lipton & Sayward, Hints on Test Data Selection, 1978; Papadakis et al., Mutation Testing Advances,
2019. mutmut and cosmic-ray do not fit: each runs a test command per mutant and reads its exit status, so neither can
say which property or test killed, how often the place ran, or whether a digest changed; and both change the files where
they lie.
"""
