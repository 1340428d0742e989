"""Loaders of histories that others recorded, and the EDN reader below them."""

import json

import pytest

from simclock.experiments.checkers.histories import HistoryError, Operation, keys_from_values, keys_into_values
from simclock.experiments.checkers.histories.edn import Strange, frozen, read_edn
from simclock.experiments.checkers.histories.formats import (
    load_jepsen_log,
    load_key_value_log,
    load_knossos,
    load_small_histories,
)

# EDN

READ = {
    "nil true false": (None, True, False),
    "0 -1 +2 12345678901234567890 3N": (0, -1, 2, 12345678901234567890, 3),
    "1.5 -2e3 1E-2 2.5M 3.": (1.5, -2000.0, 0.01, 2.5, 3.0),
    ":read :get-any :a/b": ("read", "get-any", "a/b"),
    r'"" "a b" "q\"\\\n\u00e9"': ("", "a b", 'q"\\\né'),
    r"\a \newline \space \u0041 \(": ("a", "\n", " ", "A", "("),
    "[1 (2 3) []]": ((1, (2, 3), ()),),
    "{:a 1, :b [2] :c {}}": ({"a": 1, "b": (2,), "c": {}},),
    "#{1 2} #{[1]}": (frozenset({1, 2}), frozenset({(1,)})),
    "{[1 2] 3}": ({(1, 2): 3},),
    "1 ; a comment :a [\n2": (1, 2),
    "[1 #_2 3 #_[4 5]]": ((1, 3),),
    "#_ #_ 1 2 3": (3,),
    '#inst "2020" #jepsen.history.Op{:f :read}': ("2020", {"f": "read"}),
    "#_ #tag 1 2": (2,),
    "[1[2]3]{:a[]}": ((1, (2,), 3), {"a": ()}),
    "": (),
    ' ,; only this "': (),
}


@pytest.mark.parametrize(("text", "forms"), READ.items(), ids=READ)
def test_edn(text, forms):
    found = read_edn(text)
    assert found == forms
    assert list(map(type, found)) == list(map(type, forms))


REFUSED = {
    "[1 2": r"edn:1: \[ is not closed",
    "\n\n(1 [2]": r"edn:3: \( is not closed",
    "1\n]": r"edn:2: \] closes nothing",
    "[1 }": r"edn:1: } closes nothing",
    '1\n"abc': "edn:2: a string is not closed",
    "{:a}": "edn:1: a map with a key that has no value",
    "{:a 1 :a 2}": "a key stands twice",
    "#{1 1}": "a member stands twice",
    "[#_]": "nothing follows #_",
    "[1 #tag]": "nothing follows #tag",
    "#_": "edn:1: nothing follows #_",
}


@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=REFUSED)
def test_edn_refused(text, message):
    with pytest.raises(HistoryError, match=message) as error:
        read_edn(text)
    assert "\n" not in str(error.value)


STRANGE = {
    "symbol": "'symbol' is not understood",
    "1/2": "'1/2' is not understood",
    "007": "'007' is not understood",
    "1x": "'1x' is not understood",
    "##NaN": "'##NaN' is not understood",
    "##-Inf": "'##-Inf' is not understood",
    "1e999": "'1e999' is too large a number",
    "9" * 5000: "a number of 5000 digits is too long",
    "<init>": "'<init>' is not understood",
    "#'user/run": "is not understood",
    "::keyword": "'::keyword' is not understood",
    r"\nonsense": "is no character",
    r"\o377": "is no character",
    r'"\q"': r"'\\q' is no escape",
    r'#"a \"(b"': "is not understood",
    "#<Object java.lang.Object@7f (no bracket matters>": "is not understood",
    "#:jepsen{:a 1}": "#:jepsen is not understood",
    "#=(java.util.Date.)": "#= is not understood",
    '#object[clojure.core$fn 0x4a "fn@4a"]': r"'clojure\.core\$fn' is not understood",
}


@pytest.mark.parametrize("text", STRANGE, ids=[each[:20] for each in STRANGE])
def test_what_is_no_value_may_stand_where_nobody_looks(text):
    """In a list, a map's key or value, a set; it is refused where it is looked at, with its line."""
    for around in ("\n{}", "\n[1 {}]", "\n(({}))", "\n#{{1 {}}}", "\n{{:a [{}]}}", "\n{{{} :a}}", "#_{} \n{} "):
        (form,) = read_edn(around.replace("{}", "%s").replace("{{", "{").replace("}}", "}").replace("%s", text))
        with pytest.raises(HistoryError, match=f"^edn:2: .*{STRANGE[text]}") as error:
            frozen(form)
        assert len(str(error.value)) < 200


def test_metadata_leaves_nothing_behind():
    assert read_edn('[^{:line 1} [1] ^String "a" #^:old 3 #_ ^:b 4]') == (((1,), "a", 3),)


def test_edn_may_be_deep():
    (form,) = read_edn("[" * 5000 + "]" * 5000)
    assert form != ()


def test_frozen_maps_do_not_depend_on_their_order():
    one, other = read_edn("[{:a 1 :b {:c 2}}] [{:b {:c 2} :a 1}]")
    assert frozen(one) == frozen(other) == ((("a", 1), ("b", (("c", 2),))),)


# Loaders


def write(folder, text):
    (folder / "history").write_text(text, encoding="utf-8")
    return folder / "history"


JEPSEN = """\
INFO  jepsen.core - nodes are up
INFO  jepsen.util - 0\t:invoke\t:read\tnil
INFO  jepsen.util - :nemesis\t:info\t:start\tnil
INFO  jepsen.util - 1\t:invoke\t:cas\t[1 2]
INFO  jepsen.util - 2\t:invoke\t:cas\t[3 4]
INFO  jepsen.util - 3\t:invoke\t:write\t5
INFO  jepsen.util - 4\t:invoke\t:read\tnil
INFO  jepsen.util - 0\t:ok\t:read\tnil
INFO  jepsen.util - 1\t:ok\t:cas\t[1 2]
INFO  jepsen.util - 2\t:fail\t:cas\t[3 4]
INFO  jepsen.util - 3\t:info\t:write\t:timed-out
INFO  jepsen.util - 4\t:fail\t:read\t:timed-out

"""


def test_jepsen_log(tmp_path):
    assert load_jepsen_log(write(tmp_path, JEPSEN)) == (
        Operation(process=0, function="read", result=None, call=2, finish=8),
        Operation(process=1, function="cas", argument=(1, 2), result=(1, 2), call=4, finish=9),
        Operation(process=2, function="cas", argument=(3, 4), result=False, call=5, finish=10),
        Operation(process=3, function="write", argument=5, call=6, finish=11, outcome="unknown"),
        Operation(process=4, function="read", call=7, finish=12, outcome="unknown"),
    )


def test_fields_of_a_log_may_be_between_spaces(tmp_path):
    expected = load_jepsen_log(write(tmp_path, JEPSEN))
    for between in (" ", "   ", " \t"):
        assert load_jepsen_log(write(tmp_path, JEPSEN.replace("\t", between))) == expected
    assert load_jepsen_log(write(tmp_path, JEPSEN.replace("INFO  ", "INFO ").replace(" - ", "  -\t"))) == expected


def test_jepsen_log_refused(tmp_path):
    for line, message in (
        ("hello", "history:2: not 'INFO  jepsen.util"),
        ("INFO  jepsen.util - 0:ok :read nil", "history:2: not 'INFO  jepsen.util"),
        ("INFO  jepsen.util - 0\t:ok\tread\tnil", "history:2: "),
        ("INFO  jepsen.util - 0\t:ok\t:read\t1 2", "history:2: 2 values; write one"),
        ("INFO  jepsen.util - 0\t:ok\t:read\t[1", r"history:2: \[ is not closed"),
        ("INFO  jepsen.util - 0\t:done\t:read\t1", "history:2: type 'done' is none of"),
        ("INFO  jepsen.util - 7\t:ok\t:read\t1", "history: event 2: process 7 returns ok of read"),
    ):
        with pytest.raises(HistoryError, match=message):
            load_jepsen_log(write(tmp_path, f"INFO  jepsen.util - 0\t:invoke\t:read\tnil\n{line}\n"))


def test_key_value_log(tmp_path):
    text = """{:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}
{:process 1, :type :invoke, :f :get, :key "7", :value nil}
{:process 9, :type :ok, :f :append, :key "0", :value "x 9 0 y"}
{:process 1, :type :ok, :f :get, :key "7", :value ""}
"""
    assert load_key_value_log(write(tmp_path, text)) == (
        Operation(process=9, function="append", key="0", argument="x 9 0 y", result="x 9 0 y", call=0, finish=2),
        Operation(process=1, function="get", key="7", result="", call=1, finish=3),
    )


def test_knossos(tmp_path):
    text = """; a comment
    [{:process 0, :type :invoke, :f :read, :value nil}
     {:process :nemesis, :type :info, :f :kill}
     {:process 0 :type :ok :f :read :value nil :error {:why #{:n1}}}
     {:process 1, :type :invoke, :f :txn, :value [[:read :x nil]], :time 9}
     {:process 1, :type :ok, :f :txn, :value [[:read :x 3]], :time 8}
     {:process 2, :type :invoke, :f :write, :value {:a 1}}
     {:process 2, :type :fail, :f :write, :value {:a 1}}]"""
    read, txn, failed = load_knossos(write(tmp_path, text))
    assert (read.outcome, read.call, read.finish) == ("unknown", 0, 2)  # nil says nothing; the nemesis is counted
    assert (txn.argument, txn.result, txn.outcome) == ((("read", "x", None),), (("read", "x", 3),), "ok")
    assert (failed.argument, failed.outcome) == ((("a", 1),), "fail")


OWN = r"""
#jepsen.history.Op{:index 4, :time 10, :process 0, :type :invoke, :f :write, :value 1, :clock #inst "2020"}
{:index 5 :process :nemesis :type :info :f :kill :value #object[java.util.HashMap 0x7a "{n1=down}"]}
{:index 6 :type :info :f :log :value ##Inf}
{:index 7 :process 0 :type :ok :value 1 :exception {:via [{:at [a.B$1 <init> "B.java" 3]}] :ratio -1/3 sym #<Node n1>}}
{:index 8 :process 1 :type :invoke :f :read :value nil :debug #:net{:pattern #"a(b]" :char \o377}}
{:index 9 :process 1 :type :ok :f :read :value [true 1 1.0 #{1 true 1.0}]}
{:index 10 :process 2 :type :invoke :value [[:append 4 2] [:r 5 nil]]}
{:index 11 :process 2 :type :info :value #object[java.net.SocketException 0x1 "reset"]}
"""


def test_what_jepsen_writes_is_read(tmp_path):
    write_, read, txn = load_knossos(write(tmp_path, OWN))
    assert (write_.function, write_.argument, write_.result, write_.call, write_.finish) == ("write", 1, 1, 4, 7)
    assert (read.result[:3], len(set(read.result[:3])), len(read.result[3])) == ((True, 1, 1.0), 3, 3)
    assert (txn.function, txn.outcome, txn.call, txn.finish) == ("txn", "unknown", 10, 11)
    for there, wrong, line in ((":value nil", ":value sym", 6), (":process 1 :type :ok", ":process 1/2 :type :ok", 7)):
        with pytest.raises(HistoryError, match=f"history:{line}: .* is not understood"):
            load_knossos(write(tmp_path, OWN.replace(there, wrong, 1)))


def test_knossos_refused(tmp_path):
    for text, message in (
        ("[1]", "history: event 0: 1 is not a map"),
        ("[{:process 1}]", "history: event 0: key 'type' is missing; it must be of type str"),
        ("[{:process nil :type :ok :f :read}]", "event 0: returns ok of read of no process, but nothing such is open"),
        ("[{:process 1 :type :invoke :f 3}]", "key 'f' is 3; it must be of type str"),
        ("[{:process x :type :invoke :f :read}]", "history:1: 'x' is not understood"),
        ("[{:process 1 :type :invoke\n:f :write :value 1/2}]", "history:2: '1/2' is not understood"),
        ("[{:process :n1 :type :invoke :f :write}]", "key 'process' is 'n1'; it must be a whole number, or absent"),
        ("[{:process 1 :type :ok :f :read}]", "history: event 0: process 1 returns ok of read"),
        ("[{:process 1\n:type", r"history:1: \{ is not closed"),
    ):
        with pytest.raises(HistoryError, match=message):
            load_knossos(write(tmp_path, text))


def test_small_histories(tmp_path):
    case = {
        "name": "one",
        "linearizable": True,
        "ops": [
            {"client": 0, "op": "add", "arg": 5, "result": None, "call": 0, "ret": 0},
            {"client": 1, "op": "read", "arg": None, "result": [5, 6], "call": 0, "ret": 3},
            {"client": 2, "op": "read", "arg": None, "result": None, "call": 2, "ret": 3},
        ],
    }
    (history,) = load_small_histories(write(tmp_path, json.dumps({"source": "here", "set": [case]})))
    assert (history.object, history.name, history.linearizable) == ("set", "one", True)
    assert history.operations == (
        Operation(process=0, function="add", argument=5, call=0, finish=0),
        Operation(process=1, function="read", result=(5, 6), call=0, finish=3),
        Operation(process=2, function="read", call=2, finish=3, outcome="unknown"),
    )
    with pytest.raises(HistoryError, match="history: not JSON"):
        load_small_histories(write(tmp_path, "{"))


@pytest.mark.external
def test_every_file_loads(external_data):
    """Counted with grep: ":invoke" in the logs, and in knossos those of a client."""
    porcupine, knossos = external_data / "porcupine", external_data / "knossos"
    assert sum(len(load_jepsen_log(file)) for file in sorted(porcupine.glob("jepsen/*.log"))) == 4177
    assert sum(len(load_key_value_log(file)) for file in sorted(porcupine.glob("kv/*.txt"))) == 838
    assert sum(len(load_knossos(file)) for file in sorted(knossos.glob("*/*/*.edn"))) == 11368


# Independent keys


def of(argument, result, outcome="ok", key=None, finish=2):
    return Operation(
        process=0, function="f", key=key, argument=argument, result=result, call=1, finish=finish, outcome=outcome
    )


APART = {
    "asked and answered": (of(("x", 1), ("x", 2)), of(1, 2, key="x")),
    "only answered": (of(None, ("x", 2)), of(None, 2, key="x")),
    "only asked": (of(("x", 1), None), of(1, None, key="x")),
    "failed, and heard of another key": (of(("x", 1), ("y", 2), "fail"), of(1, 2, "fail", key="x")),
    "failed, and heard what is no pair": (of(("x", 1), "busy", "fail"), of(1, "busy", "fail", key="x")),
    "given up": (of(("x", 1), "timeout", "unknown"), of(1, "timeout", "unknown", key="x")),
    "never answered": (of(("x", 1), None, "unknown", finish=None), of(1, None, "unknown", key="x", finish=None)),
}


@pytest.mark.parametrize(("operation", "apart"), APART.values(), ids=APART)
def test_a_key_is_taken_from_the_pairs(operation, apart):
    assert keys_from_values([operation]) == (apart,)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        (of(1, None), "no pair"),
        (of(("x", 1, 2), None), "no pair"),
        (of(("x", 1), 2), "no pair"),
        (of(None, None), "no pair"),
        (of(None, ("x", 1), "fail"), "no pair"),
        (of(("x", 1), ("x", 1), key="x"), "no pair"),
        (of(("x", 1), ("y", 1)), "asked of key 'x' and answered of key 'y'"),
    ],
)
def test_what_is_no_pair_has_no_key(operation, said):
    with pytest.raises(HistoryError, match=said):
        keys_from_values([operation])


def test_a_key_is_put_before_what_was_asked_and_what_was_heard():
    """What was heard of an operation of unknown outcome says nothing, and is left out."""
    assert keys_into_values([of(1, 2, key="x"), of(1, 2, "fail", key="x")]) == (
        of(("x", 1), ("x", 2)),
        of(("x", 1), ("x", 2), "fail"),
    )
    for finish in (2, None):
        (put,) = keys_into_values([of(1, 2, "unknown", key="x", finish=finish)])
        assert put == of(("x", 1), None, "unknown", finish=finish)


def test_each_strange_form_is_placed_on_its_line():
    forms = read_edn("\n".join(f"{{:n {n}}} #<Timeout {n}>" for n in range(50)), "x.edn")
    whys = [form.why for form in forms if isinstance(form, Strange)]
    assert [why.split(" ")[0] for why in whys] == [f"x.edn:{n}:" for n in range(1, 51)]
