import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

from agent.protocol import Facts
from orchestrator.idle import CREEP_C_PER_DAY
from orchestrator.store import Store
from orchestrator.store.leases import Holder, is_dead, process_start, this_process
from tests.making import MOMENT, make_conditions, make_facts, make_result, make_run
from tests.store.conftest import Planner

LATER = MOMENT + timedelta(days=1)


def test_the_last_visit_is_remembered(store: Store) -> None:
    store.remember_facts("kitchen", make_facts(), make_conditions(), MOMENT)
    newer = make_facts(kernel="6.6")
    store.remember_facts("kitchen", newer, make_conditions(load_1m=2.0), LATER)
    store.remember_facts("attic", make_facts(), make_conditions(), LATER)
    assert store.last_facts() == {"kitchen": newer, "attic": make_facts()}
    kitchen = store.devices()[1]
    assert (kitchen.name, kitchen.first_seen, kitchen.last_seen) == ("kitchen", MOMENT, LATER)
    assert kitchen.conditions == make_conditions(load_1m=2.0)


def test_a_board_that_was_only_planned_for_has_no_facts(store: Store, planned: Planner) -> None:
    planned("a1")
    assert store.last_facts() == {}
    [device] = store.devices()
    assert (device.name, device.first_seen, device.facts, device.conditions) == ("kitchen", None, None, None)
    store.remember_facts("kitchen", make_facts(), make_conditions(), MOMENT)
    assert store.devices()[0].first_seen == MOMENT


def test_the_idle_temperature_is_learnt_from_visits_and_from_waits_in_vain(store: Store, planned: Planner) -> None:
    def visit(temperature_c: float, at: datetime) -> float | None:
        conditions = make_conditions(temperatures_c={"cpu-thermal": temperature_c})
        store.remember_facts("kitchen", make_facts(), conditions, at)
        return store.idle_c("kitchen")

    assert store.idle_c("kitchen") is None
    assert visit(48.0, MOMENT) == 48.0
    assert visit(44.0, MOMENT) == 44.0
    assert visit(60.0, MOMENT) == 44.0
    assert visit(60.0, LATER) == 44.0 + CREEP_C_PER_DAY
    _, (job,) = planned("a1")
    warm = make_conditions(temperatures_c={"cpu-thermal": 57.0})
    waited = {"conditions_before": warm, "details": {"thermal_gate": "gave up"}, "thermal_wait_s": 600.0}
    assert store.save_run(make_run(job, result=make_result(job.job_id, **waited)))
    assert store.idle_c("kitchen") == 57.0
    assert store.devices()[0].idle_c == 57.0
    assert visit(45.0, LATER) == 45.0


def test_each_result_keeps_the_facts_of_its_own_time(store: Store, planned: Planner) -> None:
    _, jobs = planned("a1", "a2", "a3", "a4")
    told = [make_facts(), make_facts(kernel="6.6"), make_facts(), make_facts(machine_id=None)]
    for job, facts in zip(jobs, told, strict=True):
        assert store.save_run(make_run(job, facts=facts))
    assert [store.run(job.job_id).run.facts for job in jobs] == told
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM facts").scalar() == 3


def test_facts_of_an_older_dynofarm_are_still_read(store: Store) -> None:
    store.remember_facts("kitchen", make_facts(), make_conditions(), MOMENT)
    with store._database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE facts SET content = json_set(json_remove(content, '$.isa', '$.modules', '$.emulated'), '$.old', 1)"
        )
    facts: Facts = store.last_facts()["kitchen"]
    assert facts == make_facts(isa=[], modules={}, emulated=None)


def test_a_process_id_that_was_given_out_again_is_not_the_holder() -> None:
    me = this_process()
    assert not is_dead(me, me)
    assert is_dead(replace(me, process_start=(me.process_start or 0) - 1), me)
    assert is_dead(replace(me, pid=2**22 + 1), me)


def test_a_holder_of_another_boot_is_dead_and_one_out_of_sight_is_not() -> None:
    me = this_process()
    assert is_dead(replace(me, boot_id="before"), me)
    assert not is_dead(Holder("elsewhere", "other boot", me.pid_namespace, 1, 1), me)
    assert not is_dead(replace(me, pid_namespace="pid:[1]", pid=2**22 + 1), me)


def test_the_start_of_a_process_is_read_whatever_its_name() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "open('/proc/self/comm', 'w').write('a) b ('); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as odd:
        assert odd.stdout is not None
        odd.stdout.readline()
        mine, its = process_start(os.getpid()), process_start(odd.pid)
        odd.communicate(b"\n", timeout=30)
    assert mine is not None
    assert its is not None
    assert its >= mine
