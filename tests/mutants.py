"""Take each guard away in turn; the tests named for it must die.

`python -m tests.mutants WORD …` takes those guards alone whose name has one of the words. Without a word the result is
written to docs/reference/guards.md.
"""

# ruff: noqa: E501  a guard a line

import sys

from tests.guards import Guard, check, code, main, triggers, unique

LIFECYCLE, INTAKE, BOARDING, SYNC = (
    "ledger/lifecycle.py",
    "handoffs/intake.py",
    "ingestion/boarding.py",
    "ingestion/sync.py",
)
GUARD, WEB, WEB_DIES = "ingestion/connectors/guard.py", "ingestion/connectors/web", "ingestion/connectors/web"
GITHUB, GITHUB_DIES = "ingestion/connectors/github", "ingestion/connectors/github"
FILES, CLAIMS, DISPATCH = "ingestion/connectors/local_files.py", "ingestion/claims.py", "ingestion/dispatch.py"
LIFECYCLES_DIE, FLIGHTS_DIE = "ledger/test_lifecycle.py", "ingestion/test_flights.py"
CLAIMS_DIE, SYNC_DIE = "ingestion/test_claims.py", "ingestion/test_sync.py"
GATE_DIES, KNOWLEDGE_DIES = "patches/test_gate.py", "patches/test_knowledge.py"
REVERT_DIES, ENTITIES_DIE = "patches/test_revert.py", "patches/test_entities.py"
CHECKS_DIE, POLICY_DIES, SHADOW_DIES = "patches/test_checks.py", "patches/test_policy.py", "patches/test_shadow.py"
REVIEW_DIES, GOLDEN_DIES = "ingestion/test_reviewing.py", "ingestion/test_golden.py"
CONSTRAINTS_DIE, DISPATCH_DIES = "ingestion/test_constraints.py", "ingestion/test_dispatch.py"
FILES_DIE, TIMELINE_DIES = "ingestion/connectors/test_local_files.py", "patches/test_timeline.py"
PURGE_DIES, ERASING, TOMBSTONES = "ingestion/test_purging.py", "ingestion/erasing.py", "handoffs/tombstones.py"
DELETIONS = "ingestion/deletions.py"
OPERATING, OPERATING_DIES = "ingestion/operating.py", "ingestion/test_operating.py"
RELEASING, QUARANTINE_DIES = "ingestion/releasing.py", "ingestion/test_quarantine.py"
POLICIES_DIE, MACHINE_DIES = "ingestion/test_policies.py", "properties/test_ledger_machine.py"
SIGHT_DIES = "console/test_sight.py"
APPROVALS_DIE = "console/test_approvals.py"
ROLES_DIE, PAGE_DIES = "console/test_roles.py", "console/test_run_page.py"
OPERATIONS, OPERATIONS_DIE = "console/operating.py", "console/test_operations.py"
ROLLING, ROLLING_DIES = "console/rolling.py", "console/test_rolling.py"
ATTENTION, ATTENTION_DIES = "ingestion/attention.py", "ingestion/test_attention.py"
TABS = "console/tabs.py"
WATCHING = "ingestion/watching.py"
FIRING, SCHEDULES_DIE = "ingestion/firing.py", "ingestion/test_schedules.py"
OCCURRENCES, OCCURRENCES_DIE = "ingestion/occurrences.py", "ingestion/test_occurrences.py"
ENROLLING = "ingestion/enrolling.py"
SEALING, SEALING_DIES = "handoffs/sealing.py", "handoffs/test_sealing.py"
INTAKE_DIES, PAYLOADS_DIE = "handoffs/test_intake.py", "handoffs/test_payloads.py"
IMAP, IMAP_LISTS, IMAP_READS, IMAP_ENTERS = (
    "ingestion/connectors/imap",
    *(f"ingestion/connectors/imap/test_{name}.py" for name in ("listing", "reading", "access")),
)
VAULT, VAULT_DIES = "ingestion/connectors/obsidian/vault.py", "ingestion/connectors/test_obsidian.py"

ENDPOINT = "ingestion/adapters/endpoint.py"
ENDPOINT_DIES, EXTRACTOR_DIES, EMBEDDINGS_DIE = (
    f"ingestion/adapters/test_{name}.py" for name in ("endpoint", "openai_extractor", "openai_embeddings")
)
SPANS_DIE = "ingestion/test_spans.py"
REMOTE_DIES, USAGE_DIES = "ingestion/test_remote_models.py", "ingestion/test_usage.py"

GUARDS = [
    # the ledger
    code("row lock of a move", f"{LIFECYCLES_DIE} two_operators", LIFECYCLE, '.select_for_update(of=("self",))', ""),
    code("status is compared", LIFECYCLES_DIE, LIFECYCLE, "rows.filter(status__in=sorted(was))", "rows.all()"),
    code("illegal step is refused", LIFECYCLES_DIE, LIFECYCLE, "if illegal := {", "if illegal := set() and {"),
    code("one event per move", LIFECYCLES_DIE, LIFECYCLE, "reason, %s, %s FROM moved_{i}", "reason, %s, %s FROM moved_{i} WHERE false"),
    triggers("ledger_event", f"{LIFECYCLES_DIE} neither_changed"),
    triggers("ingestion_ingestrun", f"{LIFECYCLES_DIE} refuses_a_step"),
    triggers("ledger_seal", "ledger/test_auditlog.py append"),
    code("an edit is an event", "console/test_edits.py", "ledger/edits.py", "note(obj, Reason.EDITED", "print(obj, Reason.EDITED"),
    code("what is private is told by name", "console/test_edits.py options", "console/admin.py", 'told_by_its_deed = ("options",)', "told_by_its_deed = ()"),
    code("a seal waits for open transactions", "ledger/test_auditlog.py open_transaction", "ledger/auditlog.py", "SELECT least(now(), min(xact_start))", "SELECT least(clock_timestamp(), max(xact_start) + interval '1 s')"),
    code("a seal rests on the one before", "ledger/test_auditlog.py tampers", "ledger/auditlog.py", "if one.previous != expected:", "if False:"),
    code("only a trusted proxy says who asks", "console/test_policy.py nobody_says", "console/policy.py", 'if settings.TRUST_PROXY else ""', 'if True else ""'),
    # what is looked at when something is wrong
    code("no silent server is waited for", "config/test_embedded.py looks_at_what", "config/embedded.py", "    if all(lives(home, program) for program in PROGRAMS):", "    if False:"),
    code("the database is blamed for itself alone", "console/test_health.py blamed_for_nothing", "console/health.py", "check if name in WITHOUT_DATABASE else", ""),
    # what came in
    code("a touch makes nothing", INTAKE_DIES, INTAKE, "(was_gone or _came_back(", "(True or _came_back("),
    code("what comes back is counted", INTAKE_DIES, INTAKE, "again[row.pk] = row.opened + 1", "again[row.pk] = row.opened"),
    code("superseded by a newer payload", INTAKE_DIES, INTAKE, "    if stale:", "    if False:"),
    code("bytes hash to their name", PAYLOADS_DIE, "handoffs/payloads.py", "if hashlib.sha256(data).hexdigest() != payload_hash:", "if False:"),
    code("no partial file", PAYLOADS_DIE, "handoffs/storage.py", "Path(part).unlink(missing_ok=True)", "pass"),
    unique("one_waiting_handoff_per_reference", f"{CONSTRAINTS_DIE} one_waiting"),
    unique("one_running_handoff_per_reference", f"{CONSTRAINTS_DIE} one_running"),
    code("no seal with an old key", f"{SEALING_DIES} old_key", SEALING, "    _alone(shared=True)", "    pass"),
    code("all is sealed anew", SEALING_DIES, SEALING, "seal.rotate(row.sealed).decode()", "row.sealed"),
    code("the old key stays until all is sealed anew", f"{SEALING_DIES} half_way", SEALING, ".decode(), *_own_keys(own)])", ".decode()])"),
    # roles
    code("whose word stands is not the operator's to say", f"{ROLES_DIE} whose_word", "handoffs/admin.py", 'if may or name != "trust"', ""),
    code("no superuser is made by an administrator", f"{ROLES_DIE} superuser", "console/admin.py", "[*fields, *SUPERUSERS_ALONE]", "fields"),
    code("no superuser is touched by an administrator", f"{ROLES_DIE} superuser", "console/admin.py", "not (obj and obj.is_superuser)", "True"),
    code("who is inactive has no role", f"{ROLES_DIE} inactive", "console/roles.py", "not user_obj.is_active or ", ""),
    code("who may not decide of a group does not", f"{PAGE_DIES} keeps_work_going", "console/groups.py", "if not request.user.has_perm(MAY_DECIDE):", "if False:"),
    code("metrics are for who has the token", "console/test_metrics.py no_token", "console/views.py", "if token is None or not", "if token and not"),
    code("a decision of quarantine has words", f"{PAGE_DIES} chosen_ones", "console/bulk.py", 'if not (why := request.POST.get("why", "").strip()):', 'if (why := request.POST.get("why", "")) is None:'),
    code("a saved view is its owner's", "console/test_tabs.py owners_alone", TABS, "self._saved(request).filter(pk=pk)", "SavedView.objects.filter(pk=pk)"),
    code("views are for who may look at the list", f"{ROLES_DIE} views_of_a_list", TABS, "if not self.has_view_permission(request):", "if False:"),
    code("what is saved is a filter and nothing else", "console/test_tabs.py leads_nowhere", TABS, "return filters(self.cleaned_data[\"query\"])", "return str(self.cleaned_data[\"query\"])"),
    code("a run is told to who sees its page", f"{PAGE_DIES} who_sees_its_page", "console/admin.py", "self.get_queryset(request).select_related(*RELATED)", "IngestRun.objects.select_related(*RELATED)"),
    # sums of the ledger
    code("who commits late is waited for", f"{ROLLING_DIES} commits_late", ROLLING, "    if not writers:", "    if True:"),
    code("nobody else is waited for", f"{ROLLING_DIES} not_waited_for", ROLLING, "waited_for & _writers(feed)", "_writers(feed)"),
    code("of two dispatchers one counts", f"{ROLLING_DIES} two_dispatchers", ROLLING, "Mark.objects.select_for_update().get", "Mark.objects.get"),
    code("nothing is summed up twice", f"{ROLLING_DIES} recount", ROLLING, "update(seen=seen, ", "update("),
    # what waits for an answer
    code("row lock of an acknowledgement", f"{ATTENTION_DIES} two_people", ATTENTION, '.select_for_update(of=("self",))', ""),
    code("what is acknowledged had failed", f"{ATTENTION_DIES} whoever_saw", ATTENTION, ', status="failed")', ")"),
    code("an answer is no second failure", f"{ATTENTION_DIES} whoever_saw", ROLLING, "    AND e.was <> e.became", "    AND true"),
    code("an earlier attempt answers nothing", f"{ATTENTION_DIES} before_the_failure", ATTENTION, "AND o.id < later.id", "AND o.id <> 0"),
    # schedules and occurrences
    code("a time is dealt with once", f"{SCHEDULES_DIE} called_out_often", FIRING, "    statements.run(MOVE_ON", "    False and statements.run(MOVE_ON"),
    code("row lock of a schedule", f"{SCHEDULES_DIE} two_clocks", FIRING, "FOR UPDATE OF s SKIP LOCKED", ""),
    code("the clock of the database", f"{SCHEDULES_DIE} seconds_early", FIRING, "WHERE s.next_at <= now() + %(early)s * interval '1 s' AND", "WHERE %(early)s::float IS NOT NULL AND"),
    code("none is made up for after its grace", f"{SCHEDULES_DIE} late_time", FIRING, "coming.now - latest > max(", "False and max("),
    code("overlap", f"{SCHEDULES_DIE} meets", FIRING, "elif coming.due or (", "elif False and ("),
    code("not before its time", f"{OCCURRENCES_DIE} before_its_time", OCCURRENCES, "next_attempt_at__lte=Now(), ", ""),
    code("no sync of a paused source", f"{OCCURRENCES_DIE} before_its_time", OCCURRENCES, ", source__paused=False", ""),
    code("fence of an occurrence", f"{OCCURRENCES_DIE} writes_no_end", OCCURRENCES, "pk=self.occurrence.pk, fence=self.fence", "pk=self.occurrence.pk"),
    code("fence in the beat of a sync", f"{OCCURRENCES_DIE} renewed", OCCURRENCES, "AND status = 'running' AND fence = %(fence)s", "AND %(fence)s::int IS NOT NULL"),
    code("who lost the lease stops", f"{OCCURRENCES_DIE} next_page", OCCURRENCES, "if lost.is_set():", "if False:"),
    code("one beat calls out", "chaos/test_clock.py two_beats_one", "ingestion/clock.py", "        if not self.on_duty:", "        if False:"),
    unique("one_due_occurrence_per_source", f"{SCHEDULES_DIE} one_that_is_due"),
    unique("one_running_occurrence_per_source", f"{SCHEDULES_DIE} one_that_is_due"),
    check("one_occurrence_per_source_and_time", "ingestion_occurrence", f"{SCHEDULES_DIE} set_back"),
    check("due_occurrence_has_a_time", "ingestion_occurrence", f"{SCHEDULES_DIE} nobody_would_find"),
    check("running_occurrence_has_a_lease", "ingestion_occurrence", f"{SCHEDULES_DIE} nobody_would_find"),
    code("a file comes to rest", "ingestion/test_watching.py left_alone_while", WATCHING, "now - self.heard_at < self.stable_s", "False"),
    code("what is written unheard", "ingestion/test_watching.py without_a_notice", WATCHING, "if again != self.looks:", "if False:"),
    code("some files never rest", "ingestion/test_watching.py never_rests", WATCHING, "or now - self.since < MOST_S", "or True"),
    code("another folder in its place", "ingestion/test_watching.py disappears", WATCHING, " and _looks_of_folder(self.folder) == began_as", ""),
    code("after a flood", "ingestion/test_watching.py too_much", WATCHING, "len(heard) >= FLOOD", "False"),
    code("consent before listing", "ingestion/test_consent.py not_even_looked_at", "ingestion/sync.py", "            consent.ask(source)\n", ""),
    code("consent before reading", "ingestion/test_consent.py before_anything_is_read", "ingestion/sync.py", "            consent.ask(self.source)", "            pass"),
    code("no way around a withdrawn consent", "ingestion/test_consent.py under_way", OPERATING, "ended = consent.ended(asked)", "ended = []"),
    code("consent when a flight is boarded", "ingestion/test_consent.py before_any_sweep", BOARDING, "self.paused or self.withdrawn or", "self.paused or"),
    code("consent before anything is written", "ingestion/test_consent.py before_anything_is_written", "ingestion/flights.py", "if aboard.withdrawn and", "if False and"),
    code("a withdrawal waits for an apply", "ingestion/test_consent.py last_word", BOARDING, '"FOR SHARE"', '""'),
    unique("one_open_grant_per_source", "ingestion/test_consent.py one_open"),
    code("no secret among the options", "ingestion/test_enrolling.py before_it_is_kept", ENROLLING, "sorted(SECRETS & options.keys())", "[]"),
    code("a folder that is not there is no source", "ingestion/test_enrolling.py before_it_is_kept", ENROLLING, "            port.check()\n", "            pass\n"),
    code("options are not the operator's to edit", "console/test_roles.py what_a_source_reads", "console/admin.py", 'request.user.has_perm("handoffs.add_source")', "True"),
    code("not taken out while it is synced", "ingestion/test_enrolling.py being_synced", "ingestion/sync.py", "    if not alone:", "    if False:"),
    # constraints of runs and flights
    unique("one_active_run_per_handoff", f"{CONSTRAINTS_DIE} handoff_has_one_active"),
    unique("one_active_run_per_content", f"{CONSTRAINTS_DIE} content_of_a_source"),
    check("due_time_while_it_waits", "ingestion_ingestrun", f"{CONSTRAINTS_DIE} forgotten"),
    check("running_run_has_a_flight", "ingestion_ingestrun", f"{CONSTRAINTS_DIE} forgotten"),
    check("duplicate_names_its_run", "ingestion_ingestrun", f"{CONSTRAINTS_DIE} forgotten"),
    check("open_flight_has_a_lease", "ingestion_flight", f"{CONSTRAINTS_DIE} lease"),
    # lease and fence
    code("fence", f"{FLIGHTS_DIE} later_to_board", BOARDING, "AND status = 'open' AND fence = %(fence)s\n  RETURNING", "AND status = 'open'\n  RETURNING"),
    code("one worker at a time", f"{FLIGHTS_DIE} while_its_stage", BOARDING, "AND f.worker = '' AND s.id", "AND s.id"),
    code("stage of a message", f"{FLIGHTS_DIE} forged", BOARDING, "AND f.stage = %(stage)s AND", "AND"),
    code("lock of the runs aboard", f"{FLIGHTS_DIE} being_taken_off", BOARDING, "ORDER BY r.id FOR UPDATE OF r", "ORDER BY r.id"),
    code("only who is still aboard", f"{FLIGHTS_DIE} taken_off", "ingestion/flights.py", "isinstance(one, Done) and one.item.run_id in aboard.here", "isinstance(one, Done)"),
    code("a bug is singled out", f"{FLIGHTS_DIE} bug_in_one", "ingestion/flights.py", "if len(items) == 1:", "if True:"),
    code("no passage without its vector", f"{FLIGHTS_DIE} vector_is_gone", "patches/sql/put.sql", "LEFT JOIN ({vectors})", "JOIN ({vectors})"),
    code("a crash is charged alone", f"{DISPATCH_DIES} charged", "ingestion/repairs/crashes.py", "and together[flight_id] == 1", ""),
    code("two sweeps", f"{DISPATCH_DIES} two_sweeps", "ingestion/repairs/crashes.py", "LIMIT %(page)s FOR UPDATE SKIP LOCKED", "LIMIT %(page)s"),
    # claims and carriers
    code("claims are one after the other", f"{CLAIMS_DIE} flights_at_once", CLAIMS, "SELECT pg_advisory_xact_lock(%s, %s)", "SELECT %s, %s"),
    code("who waits is not dispatched", f"{CLAIMS_DIE} not_dispatched", DISPATCH, "      AND waits_for_id IS NULL AND next_attempt_at", "      AND next_attempt_at"),
    code("who is gone carries nothing", f"{CLAIMS_DIE} goes_while", "patches/carriers.py", "  WHERE r.gone_at IS NULL ORDER BY", "  ORDER BY"),
    code("carriers are looked at under a lock", f"{CLAIMS_DIE} being_withdrawn", "patches/apply.py", 'list(batches.order_by("pk").select_for_update().values_list("pk"))', ""),
    code("a batch lives while it is carried", f"{CLAIMS_DIE} deleting", "patches/apply.py", "batches.filter(~Exists(", "batches.exclude(Exists(batches.none()), ~Exists("),
    # dispatch
    code("one dispatcher decides", f"{DISPATCH_DIES} two_dispatchers", DISPATCH, "SELECT pg_try_advisory_xact_lock(%s), now()", "SELECT %s > 0, now()"),
    code("a newer payload waits its turn", f"{DISPATCH_DIES} newer_payload", DISPATCH, "w.status IN ('queued', 'ingesting') LIMIT 1", "false LIMIT 1"),
    code("no plan from old statistics", "ingestion/test_admission.py statistics_of_an_idle", DISPATCH, "AND h.status || '' = 'pending'", "AND h.status = 'pending'"),
    code("poison is known again", "ingestion/test_admission.py died_of", DISPATCH, "h.payload_id IN (SELECT payload_id FROM crashed) AS alone", "false AS alone"),
    code("a paused source holds", f"{DISPATCH_DIES} paused", "ingestion/fairness.py", "waits = source.paused or", "waits ="),
    code("a cancel looks under a lock", f"{OPERATING_DIES} put_on_a_flight", OPERATING, "ORDER BY id FOR UPDATE", "ORDER BY id"),
    code("a cancel is heeded", f"{OPERATING_DIES} under_way", "ingestion/stopping.py", "for run_id, asked_by in boarded.called_off.items():", "for run_id, asked_by in ():"),
    code("a pause is heeded", f"{OPERATING_DIES} stops_before", "ingestion/stopping.py", "return not stops", "return True"),
    code("what comes in meets the pause", f"{OPERATING_DIES} being_paused", INTAKE, "WHERE id = %s FOR SHARE", "WHERE id = %s"),
    # failing and quarantine
    code("a refused key pauses the source", f"{POLICIES_DIE} refused_key", "ingestion/failing.py", "if why := [", "if why := [] and ["),
    code("what is gone is retired", f"{POLICIES_DIE} retired", "ingestion/failing.py", "if gone := [", "if gone := [] and ["),
    code("a probe goes first", f"{QUARANTINE_DIES} goes_first", RELEASING, "!= run.id:\n            follows[", "is None:\n            follows["),
    code("older bytes stay", f"{QUARANTINE_DIES} moved_on", "ingestion/reopening.py", "if handoff.older and", "if False and"),
    code("reopening locks the reference", f"{QUARANTINE_DIES} while_a_run_is_released", "ingestion/reopening.py", "ORDER BY id FOR UPDATE", "ORDER BY id"),
    code("a released content is claimed anew", f"{QUARANTINE_DIES} applied_meanwhile", RELEASING, "if run.taken or", "if"),
    code("releases and claims exclude each other", f"{QUARANTINE_DIES} being_claimed", RELEASING, "SELECT pg_advisory_xact_lock(%(lock)s, id::int)", "SELECT %(lock)s, id::int"),
    # what the machine of random steps finds by itself
    code("machine: the fence", MACHINE_DIES, BOARDING, "AND status = 'open' AND fence = %(fence)s\n  RETURNING", "AND status = 'open'\n  RETURNING"),
    code("machine: who is gone carries nothing", MACHINE_DIES, "patches/carriers.py", "  WHERE r.gone_at IS NULL ORDER BY", "  ORDER BY"),
    code("machine: one claimant", MACHINE_DIES, CLAIMS, "elif claimed.get(content, item.run_id) != item.run_id:", "elif False:"),
    # sync
    code("a dispatched run keeps its handoff", f"{SYNC_DIE} keeps_its_handoff", DELETIONS, "runs[run] for run in ended]", "runs[run] for run in runs]"),
    code("what is gone is said again", f"{SYNC_DIE} said_to_be_gone", SYNC, "if not self.said_once:", "if True:"),
    code("a broken listing stands to its checkpoint", f"{SYNC_DIE} breaks_off_stands", SYNC, "yield page[:covered]", "pass"),
    code("nothing inside is asked", f"{WEB_DIES}/test_guard.py", GUARD, "if not names or not all(self.permits(", "if not names or not any(self.permits("),
    code("translations are not asked", f"{WEB_DIES}/test_guard.py public", GUARD, "return not any(address in network for network in NOT_PUBLIC)", "return True"),
    code("the address that was looked at is asked", f"{WEB_DIES}/test_guard.py looked_at", GUARD, "super().connect_tcp(address,", "super().connect_tcp(host,"),
    code("a whole answer has its time", f"{WEB_DIES}/test_guard.py drips", GUARD, "left = self.until - time.monotonic()", "left = 1e9"),
    code("bytes are counted unpacked", f"{WEB_DIES}/test_guard.py gigabytes", f"{WEB}/fetching.py", "unpacking.decompress(packed, PIECE_BYTES)", "unpacking.decompress(packed)"),
    code("robots.txt that fails forbids all", f"{WEB_DIES}/test_web.py robots_txt_that_fails", f"{WEB}/robots.py", "    except Transient as failure:", "    except Transient as failure:\n        return ''"),
    code("a redirect heeds robots.txt", f"{WEB_DIES}/test_web.py around", f"{WEB}/crawl.py", "target in self.site and bool(robots.heed(self.fetcher, target))", "target in self.site"),
    code("a redirect stays in the site", f"{WEB_DIES}/test_pages.py out_of_the_site", f"{WEB}/crawl.py", "return target in self.site and", "return"),
    code("the site's delay is kept", f"{WEB_DIES}/test_web.py any_two", f"{WEB}/crawl.py", "stretch = 1 if wanted_s else STRETCH", "stretch = STRETCH"),
    code("sitemaps lie", f"{WEB_DIES}/test_told.py sitemaps_lie", f"{WEB}/crawl.py", "believed=not self.frontier.whole", "believed=True"),
    code("a change of today may be followed", f"{WEB_DIES}/test_told.py of_today", f"{WEB}/frontier.py", " and self.lastmod[1:11] < settled", ""),
    code("a first page stays that is shown for all", f"{WEB_DIES}/test_told.py shown_for_everything", f"{WEB}/crawl.py", "if place.depth > SEED and self._is_absence(url, answer)", "if self._is_absence(url, answer)"),
    code("missed once is not gone", f"{WEB_DIES}/test_web.py missing", f"{WEB}/frontier.py", "long = place.misses >= rounds and", "long ="),
    code("a failing site keeps its pages", f"{WEB_DIES}/test_web.py site_that_fails", f"{WEB}/fetching.py", "if answer.status_code >= SERVER_ERROR:", "if False:"),
    code("deletions that wait hold no change up", f"{WEB_DIES}/test_web.py wait_for_a_person", SYNC, "not all(entry.again for entry in buried)", "bool(buried)"),
    code("a blob is what it is named for", f"{GITHUB_DIES}/test_files.py other_bytes", f"{GITHUB}/blobs.py", "if not is_blob(data, blob.sha):", "if False:"),
    code("a query's text is the blob", f"{GITHUB_DIES}/test_files.py no_query_can_carry", f"{GITHUB}/blobs.py", "if is_blob(data, wanted[n]):", "if True:"),
    code("a wiki that is missing retires nothing", f"{GITHUB_DIES}/test_git.py wiki", f"{GITHUB}/clone.py", "        except Gone:\n", "        except Transient:\n"),
    code("emptiness is not believed", f"{GITHUB_DIES}/test_git.py every_refusal", f"{GITHUB}/clone.py", "if head or not (self.branch or was):", "if True:"),
    code("a key is in no argument", f"{GITHUB_DIES}/test_git.py no_argument", f"{GITHUB}/git.py", "[self.program, *said],", '[self.program, "-c", f"a.b={self.key.token()}", *said],'),
    code("a tree that is cut short is walked", f"{GITHUB_DIES}/test_files.py tree_that_is_cut", f"{GITHUB}/files.py", 'if not answer["truncated"]:', "if True:"),
    code("a secondary limit is no refusal", f"{GITHUB_DIES}/test_files.py rate_limit", f"{GITHUB}/api.py", "status == FORBIDDEN and _limits(answer)", "False"),
    code("the next page is at the same host", f"{GITHUB_DIES}/test_files.py another_host", f"{GITHUB}/api.py", "if following and ", "if False and "),
    code("a full page has no tag", f"{GITHUB_DIES}/test_threads.py one_moment", f"{GITHUB}/threads.py", "if not url and len(answer.data) < PAGE else", "if not url else"),
    code("pages begin where the last one ended", f"{GITHUB_DIES}/test_threads.py shifts", f"{GITHUB}/threads.py", "(later, \"\") if later > since else (since, answer.next)", "(since, answer.next) if answer.next else (later, \"\")"),
    code("a tag is for its token", f"{GITHUB_DIES}/test_threads.py another_token", f"{GITHUB}/threads.py", 'if cursor.get("key") == self.api.fingerprint() else', "if True else"),
    code("mail is opened to be read alone", f"{IMAP_READS} no_flag", f"{IMAP}/session.py", "+ extra, readonly=True", "+ extra"),
    code("mail stays unread", f"{IMAP_READS} no_flag", f"{IMAP}/mailbox.py", 'f"BODY.PEEK[]<0.', 'f"BODY[]<0.'),
    code("UIDs are those of their UIDVALIDITY", f"{IMAP_READS} another_uidvalidity", f"{IMAP}/mailbox.py", "if session.uidvalidity != place.uidvalidity:", "if False:"),
    code("another UIDVALIDITY lists the folder anew", f"{IMAP_LISTS} begin_anew", f"{IMAP}/mailbox.py", "was.uidvalidity != state.uidvalidity or was", "was"),
    code("a message that is counted and not described is not gone", f"{IMAP_LISTS} counts_and_does_not", f"{IMAP}/mailbox.py", "if described < state.messages:", "if False:"),
    code("a deletion that was not named is looked for", f"{IMAP_LISTS} does_not_name", f"{IMAP}/mailbox.py", "lost < 0 or lost > named or", "lost < 0 or"),
    code("flags told unasked hide nothing", f"{IMAP_READS} unasked", f"{IMAP}/session.py", "found.setdefault(number(known[\"UID\"]), {}).update(known)", "found[number(known[\"UID\"])] = known"),
    code("what a server sends has a limit", f"{IMAP_ENTERS} no_more_is_taken", f"{IMAP}/session.py", "if size > self.most_bytes:", "if False:"),
    code("no password without TLS", f"{IMAP_ENTERS} without_starttls", f"{IMAP}/session.py", 'if "STARTTLS" not in self.wire.capabilities:', "if False:"),
    code("no plain connection but to this machine", f"{IMAP_ENTERS} done_without", f"{IMAP}/mailbox.py", 'if account.security == "none" and account.host not in LOOPBACK:', "if False:"),
    code("one sync per source", f"{SYNC_DIE} one_process", SYNC, "SELECT pg_try_advisory_lock(%s, %s)", "SELECT true, %s, %s"),
    code("many deletions wait", f"{SYNC_DIE} fifth", DELETIONS, "or (lost > few and", "or (False and"),
    code("what is there under another name is not lost", f"{SYNC_DIE} another_name", DELETIONS, "too_many(lost, live)", "too_many(len(absent), live)"),
    code("an empty listing waits", f"{SYNC_DIE} emptied", DELETIONS, "return lost == live or", "return"),
    code("no link out of the folder", f"{FILES_DIE} out_of", FILES, "return real == root or real", "return True or real"),
    code("what was not seen is not gone", f"{FILES_DIE} not_gone", FILES, "unseen += _unseen(item)", "pass"),
    code("below what cannot be listed", f"{FILES_DIE} nothing_below", FILES, 'unseen.append(escape(folder) + "/")', "pass"),
    code("names round-trip", FILES_DIE, FILES, 'path.replace(b"%", b"%25")', "path"),
    code("no exception speaks in a log", "config/test_logs.py exception", "ledger/redaction.py", 'event["event"] = _without(bug, event["event"])', "pass"),
    code("no library speaks in a log", "config/test_logs.py library", "ledger/redaction.py", "return str(record.msg)", "pass"),
    code("what was purged is not taken in", f"{PURGE_DIES} come_in_again", INTAKE, "before.purged_at IS NOT NULL OR (", "false OR ("),
    code("nor under a new name", f"{PURGE_DIES} come_in_again", INTAKE, "AND r.source_id = %(source)s AND r.purged_at IS NOT NULL", "AND false"),
    code("a shared payload stays", f"{PURGE_DIES} shares_stay", TOMBSTONES, "r.purged_at IS NULL AND r.gone_at IS NULL)", "false)"),
    code("bytes are erased under a lock", f"{PURGE_DIES} takes_in_the_bytes_first", TOMBSTONES, "ORDER BY payload_hash FOR UPDATE", "ORDER BY payload_hash"),
    code("bytes are looked for afterwards", f"{PURGE_DIES} were_erased", "handoffs/payloads.py", "if not store().exists(path_of(payload_hash)):", "if False:"),
    code("a shared batch stays", f"{PURGE_DIES} live_item_shares", ERASING, "WHERE v.batch_id = b AND f.gone_at IS NULL", "WHERE false"),
    code("batches are purged under a lock", f"{PURGE_DIES} claims_the_content", ERASING, "ORDER BY id FOR UPDATE\n\"\"\"\n# A batch", "ORDER BY id\n\"\"\"\n# A batch"),
    code("a purge takes runs off", f"{PURGE_DIES} aboard", ERASING, "was=ENDABLE, to", "was=ENDABLE - {'running'}, to"),
    # the gate and the facts
    code("offenders are taken out", GATE_DIES, "patches/evaluation/judging.py", "out, asked = sorted(rejected), sorted(held)", "out, asked = [], sorted(held)"),
    code("digest is compared", GATE_DIES, "patches/evaluation/checks/digest.py", "float(digest_of(batch.patches) != batch.digest)", "0.0"),
    code("quote is verbatim", CHECKS_DIE, "patches/evaluation/checks/quotes.py", 'batch.text[claim["start"] : claim["end"]] != claim["quote"]', "False"),
    code("most claims stand", GATE_DIES, "patches/evaluation/checks/most_stand.py", "return refused / asserted if", "return 0.0 if"),
    code("rumours are no misreading", f"{CHECKS_DIE} mostly_denies", "patches/evaluation/judging.py", 'len(rejected - found["claim_is_asserted"].offenders.keys())', "len(rejected)"),
    code("only what is asserted", CHECKS_DIE, "patches/evaluation/checks/polarity.py", "if polarity != ASSERTED", "if False"),
    code("names stand in the words", CHECKS_DIE, "patches/evaluation/checks/words.py", "Measured.count({n: why for n, claim in batch.claims if (why := _unnamed(claim, batch, text))})", "Measured(0.0)"),
    code("dates stand in the words", CHECKS_DIE, "patches/evaluation/checks/dates.py", "Measured.count({n: why for n, claim in batch.claims if (why := _undated(claim, batch.text))})", "Measured(0.0)"),
    code("who does it is clear", f"{CHECKS_DIE} exchanged", "patches/evaluation/checks/direction.py", "return Measured.count({n: why for n, claim in batch.claims if (why := _turned(claim))})", "return Measured(0.0)"),
    code("a quote is read with its sentence", f"{CHECKS_DIE} cut_short", "patches/evaluation/checks/denial.py", "else _sentence(claim, text)", 'else claim["quote"]'),
    code("denials are heard", CHECKS_DIE, "patches/evaluation/checks/denial.py", "if found := DENIAL.search(_around(sentence, *names)):", "if False:"),
    code("one value at a time", CHECKS_DIE, "patches/evaluation/checks/contradictions.py", "if not all(", "if False and not all("),
    code("no secrets", CHECKS_DIE, "patches/evaluation/checks/secrets.py", "found = list(_found(batch.text))", "found = []"),
    code("no instructions", CHECKS_DIE, "patches/evaluation/checks/instructions.py", "found = list(_found(batch.text))", "found = []"),
    code("no likely orders", "gate/orders/test_orders.py", "patches/evaluation/checks/orders.py", "value = round(found.likelihood, 3)", "value = 0.0"),
    code("a sound policy", POLICY_DIES, "patches/evaluation/policy.py", "if given and check.firm:", "if False:"),
    code("what is lost counts", SHADOW_DIES, "patches/evaluation/checks/radius.py", "return Measured(len(context.change.lost))", "return Measured(0.0)"),
    code("the trusted are not overruled", SHADOW_DIES, "patches/evaluation/shadow.py", "if one.trust < rank:", "if False:"),
    code("the flight's own batches are seen", SHADOW_DIES, "patches/evaluation/judging.py", "shadow.accept(batch.batch_id, change, batch.references)", "pass"),
    Guard("approved only with a verdict", f"{REVIEW_DIES} verdict", "DROP TRIGGER pgtrigger_only_with_a_verdict_cade2 ON patches_patchbatch"),
    code("a plan writes nothing", "ingestion/test_planning.py nothing_but", "ingestion/planning.py", "transaction.set_rollback(True)", "pass"),
    code("what was touched alone is no change", "ingestion/test_planning.py same_text", "ingestion/planning.py", "if shadow.carried.get(item.reference_id) == item.batch_id:", "if False:"),
    code("a person says why", f"{REVIEW_DIES} words", "ingestion/reviewing.py", "if not why.strip():", "if False:"),
    code("approving judges again", f"{REVIEW_DIES} moved", "ingestion/reviewing.py", "fails = [one for one in judged.values() if one.decision == Verdict.Decision.REJECT]", "fails: list[Judgement] = []"),
    code("a review ends", f"{REVIEW_DIES} expires", "ingestion/repairs/reviews.py", "len(expire(expired, by=by) if expired else ())", "0"),
    check("a_person_says_why", "patches_verdict", f"{REVIEW_DIES} raw"),
    triggers("patches_gatepolicy", POLICY_DIES),
    code("golden recall is held", f"{GOLDEN_DIES} push", "patches/evaluation/checks/golden.py", "return Measured(context.golden.recall,", "return Measured(0.0,"),
    code("golden facts are held", f"{GOLDEN_DIES} fact_that_would_end", "patches/evaluation/checks/golden.py", "return Measured(len(context.golden.lost),", "return Measured(0.0,"),
    code("nothing is judged without its questions", f"{GOLDEN_DIES} away", "ingestion/stages/evaluate.py", "if surroundings.failure:", "if False:"),
    code("merged names count as one", f"{SHADOW_DIES} took_for_one", "patches/evaluation/shadow.py", "counts_as = aliases.get(subject)", "counts_as = None"),
    code("verdict is bound to its digest", f"{GATE_DIES} another_digest", "patches/evaluation/verdicts.py", "AND open.digest = given.digest", ""),
    code("only what is approved is applied", f"{GATE_DIES} withdrawn", "ingestion/landing.py", "must_move=3 * len(done)", "must_move=0"),
    code("only the batches' own moves count", f"{GATE_DIES} withdrawn", "ingestion/progress.py", "moved[: len(steps)]", "moved"),
    code("a reverted version gives way", f"{REVERT_DIES} falls_back", "patches/sql/carry.sql", "AND b.status IN ('applied', 'superseded')", "AND b.status = 'applied'"),
    code("only the last that stands is carried", REVERT_DIES, "patches/sql/carry.sql", "ORDER BY v.reference_id, v.id DESC", "ORDER BY v.reference_id, v.id"),
    code("who is gone is not fallen back for", f"{REVERT_DIES} meanwhile", "patches/revert.py", "WHERE r.gone_at IS NULL\n  AND", "WHERE"),
    code("reverted content stays out", f"{REVERT_DIES} by_itself", CLAIMS, 'elif known and status == "reverted":', "elif False:"),
    code("reverted content stays out under another recipe", f"{REVERT_DIES} another_reading", CLAIMS, "OR (b.status = 'reverted' AND NOT EXISTS (", "OR (false AND NOT EXISTS ("),
    code("reverted content is noted", f"{REVERT_DIES} meanwhile", CLAIMS, "    note_said(found.taken_back)", "    pass"),
    code("said again is said last", f"{REVERT_DIES} says_again", "patches/carriers.py", "DO UPDATE SET id = EXCLUDED.id, payload_id", "DO UPDATE SET payload_id"),
    code("reverted under way ends as such", f"{REVERT_DIES} about_to", "ingestion/landing.py", "if status := _turned_down(done[0]):", "if status := None:"),
    code("what is said later finds its place", f"{ENTITIES_DIE} said_later", "patches/apply.py", "    if astray:", "    if False:"),
    code("a merge moves what was said", f"{ENTITIES_DIE} said_of_one", "patches/identities.py", "moves = [one for one in found if one.was != one.slot]", "moves = []"),
    code("what is withdrawn moves too", f"{ENTITIES_DIE} taken_back_before", "patches/sql/places.sql", "WHERE (%(reflection)s", "WHERE a.live AND (%(reflection)s"),
    code("a circle is not followed for ever", f"{ENTITIES_DIE} circle", "patches/identities.py", "same_as is not None and (end := _end(leads, same_as)) != entity:", "same_as is not None and (end := same_as):"),
    code("a merge changes under the lock", f"{ENTITIES_DIE} while_a_flight", "patches/entities.py", "        lock(reflection_id)\n", ""),
    code("two kinds are never one", f"{ENTITIES_DIE} two_kinds", "patches/evaluation/checks/identities.py", 'if said["type"] != said["into_type"]}', "if False}"),
    code("aliases have a past", f"{ENTITIES_DIE} before_the_merge", "patches/sql/facts.sql", "             ELSE x.sys @> %(seq)s::bigint END\n),", "             ELSE upper_inf(x.sys) END\n),"),
    unique("one_open_alias_per_entity", f"{ENTITIES_DIE} refuses"),
    check("identity_names_two", "patches_identity", f"{ENTITIES_DIE} refuses"),
    triggers("patches_alias", f"{ENTITIES_DIE} refuses"),
    triggers("patches_identity", f"{ENTITIES_DIE} refuses"),
    code("no event becomes a state", "faces/test_knowledge_admin.py cannot_become", "patches/recount.py", "if was != cardinality and EVENT in", "if False and EVENT in"),
    code("an old vocabulary is noticed", "faces/test_knowledge_admin.py vocabulary_before", "patches/sql/put.sql", "WHERE p.cardinality <> a.cardinality)", "WHERE false)"),
    code("reverts need a permission", "faces/test_knowledge_admin.py may_not", "patches/turning.py", 'if not request.user.has_perm("patches.change_patchbatch"):', "if False:"),
    code("of events the narrowest stands", TIMELINE_DIES, "patches/timeline.py", "key=lambda held: (held.end or LATEST) - (held.start or EARLIEST)", "key=_order"),
    code("a plan writes nothing", f"{REVERT_DIES} plan", "patches/revert.py", "            if dry_run:\n", "            if False:\n"),
    code("applies are one after the other", f"{KNOWLEDGE_DIES} withdrawn_while", "patches/apply.py", "SELECT pg_advisory_xact_lock(%s, %s)", "SELECT %s, %s"),
    check("open_versions_do_not_overlap", "patches_fact", f"{KNOWLEDGE_DIES} may_not_overlap"),
    check("approved_only_as_judged", "patches_patchbatch", f"{CONSTRAINTS_DIE} digest_that_was_judged"),
    triggers("patches_fact", f"{KNOWLEDGE_DIES} version"),
    triggers("patches_patch", f"{CONSTRAINTS_DIE} patches_and_verdicts"),
    triggers("patches_verdict", f"{CONSTRAINTS_DIE} patches_and_verdicts"),
    triggers("patches_assertion", f"{KNOWLEDGE_DIES} rewritten"),
    code("no later end shines through", "patches/test_asof.py stays", "patches/sql/facts.sql", "CASE WHEN upper(f.sys) > %(seq)s::bigint THEN NULL ELSE upper(f.sys) END", "upper(f.sys)"),
    code("words are of their time", "patches/test_asof.py words", "patches/sql/facts.sql", "AND l.sys @> %(seq)s::bigint", ""),
    code("beyond the index is looked at", "patches/test_search.py after_the", "patches/sql/near_indexed.sql", "AND p.id > %(last)s", "AND false"),
    code("few within are looked at", "patches/test_search.py few_passages", "patches/search.py", "if len(found) == CANDIDATES:", "if True:"),
    code("one build at a time", "patches/test_search.py two_workers", "patches/vectors.py", "SELECT pg_try_advisory_lock(%s)", "SELECT %s > 0"),
    code("what else says so is asked", "ingestion/test_tracing.py rests", "patches/sql/resting.sql", "bool_and(batch_id", "bool_or(batch_id"),
    code("a plan is rolled back", "ingestion/test_tracing.py plan_changes", "patches/revert.py", "            if dry_run:\n", "            if False:\n"),
    code("ends close open starts", TIMELINE_DIES, "patches/timeline.py", "    found = _joined(found)\n", ""),
    code("equal neighbours merge", TIMELINE_DIES, "patches/timeline.py", "return _merge(_successive(found) if cardinality == \"single\" else found)", "return _successive(found) if cardinality == \"single\" else found"),
    code("a total order", TIMELINE_DIES, "patches/timeline.py", "        RANK[held.precision],\n", ""),
    # the console's operations
    code("an operation goes on where it was", f"{OPERATIONS_DIE} dies_in_a_page", OPERATIONS, "pk__gt=operation.position, ", ""),
    code("later rows are not meant", f"{OPERATIONS_DIE} nothing_else", OPERATIONS, ", pk__lte=operation.upto", ""),
    code("a page and its position are one", f"{OPERATIONS_DIE} two_who_work", OPERATIONS, "Operation.objects.select_for_update().filter(pk=pk", "Operation.objects.filter(pk=pk"),
    code("a role that is lost ends it", f"{OPERATIONS_DIE} may_not_any_more", OPERATIONS, "if not found.person.has_perm(deed.may):", "if False:"),
    code("a page that never works is given up", f"{OPERATIONS_DIE} given_up", OPERATIONS, "if found.tries >= TRIES:", "if False:"),
    code("what comes back was not meant", "console/test_turning_many.py was_not_meant", OPERATIONS, 'rows = matching(deed, "" if deed.fixed else operation.query, operation.person)\n    if deed.fixed:', "rows = matching(deed, operation.query, operation.person)\n    if False:"),
    code("the page of a revert locks its reflections", "console/test_turning_many.py wait_for", "patches/revert.py", "            lock(reflection_id)  # of all", "            pass  # of all"),
    code("operations begin by who may", f"{ROLES_DIE} begun_and_ended", "console/bulk.py", "if not request.user.has_perm(deed.may):\n            raise", "if False:\n            raise"),
    code("operations end by who may", f"{ROLES_DIE} begun_and_ended", "console/bulk.py", "or not request.user.has_perm(deed.may):", "or False:"),
    code("all is not what a list names", f"{OPERATIONS_DIE} list_names", "ledger/listing.py", 'if request.POST.get("select_across", "0") != "0":', "if False:"),
    check("operation_stays_within_what_was_meant", "console_operation", f"{OPERATIONS_DIE} within_what"),
    code("a batch is decided by who may", f"{ROLES_DIE} decided_on_its_page", "console/admin.py", "if not request.user.has_perm(BATCHES):", "if False:"),
    code("nobody finds what they may not see", "console/test_finding.py may_not_see", "console/finding.py", ".has_view_permission(request)", ""),
    # connectors
    code("an unseen note hides all", f"{VAULT_DIES} could_not_be_looked_at", VAULT, '("",) if self.blind else ()', "()"),
    code("an id of two names none", f"{VAULT_DIES} names_neither", VAULT, "for key, notes in self.by_id.items() if len(notes) == 1}", "for key, notes in self.by_id.items()}"),
    code("unread settings let nothing in", f"{VAULT_DIES} let_nothing_in", "ingestion/connectors/obsidian/preferences.py", 'raise Transient(Reason.CORRUPT, f".obsidian/{path.name} cannot be read") from exc', "return {}"),
    # remote models
    code("a key is not taken elsewhere", f"{ENDPOINT_DIES} redirect", ENDPOINT, "            base_url=self.url,", "            base_url=self.url, follow_redirects=True,"),
    code("an answer has an end", f"{ENDPOINT_DIES} endless", ENDPOINT, "if len(body) > ANSWER_BYTES:", "if False:"),
    code("an answer has a time", f"{ENDPOINT_DIES} drops", ENDPOINT, "if time.monotonic() > until:\n            raise", "if False:\n            raise"),
    code("who is refused asks no more", f"{ENDPOINT_DIES} asks_no_more", ENDPOINT, "stop.append(failure)", "pass"),
    code("a visit has an end", f"{ENDPOINT_DIES} visit", ENDPOINT, "if time.monotonic() > until:\n                return", "if False:\n                return"),
    code("an answer is of the schema", f"{EXTRACTOR_DIES} not_of_the_schema", "ingestion/adapters/extractor/prompt.py", 'model_config = ConfigDict(extra="forbid", strict=True)\n\n    predicate', 'model_config = ConfigDict(extra="ignore")\n\n    predicate'),
    code("an invented quote is the gate's to see", f"{REMOTE_DIES} invents", "ingestion/adapters/extractor/prompt.py", "None if place else told.quote", "None"),
    code("vectors are put in order", f"{EMBEDDINGS_DIE} in_order", "ingestion/adapters/embeddings/openai.py", "row = by_index[index]", "row = list(by_index.values())[index]"),
    code("vectors have their length", f"{EMBEDDINGS_DIE} another_length", "ingestion/adapters/embeddings/openai.py", "if row.shape != (self.dim,):", "if False:"),
    code("what a failed run got done is kept", f"{REMOTE_DIES} asked_again", "ingestion/flights.py", "settled.onward), *failed]", "settled.onward)]"),
    code("a shared passage is paid for once", f"{REMOTE_DIES} paid_for_once", "ingestion/answers.py", "self.costs.pop(text_hash, FREE)", "self.costs.get(text_hash, FREE)"),
    code("a trace goes on after a crash", f"{SPANS_DIE} flies_again", DISPATCH, "parent=brought, links=others", "links=others"),
    code("what was raised is told by its type", "contracts/test_traces.py exception", "ingestion/adapters/traces/otlp.py", "StatusCode.ERROR, type(problem).__name__", "StatusCode.ERROR, str(problem)"),
    triggers("ingestion_visit", f"{USAGE_DIES} only_added_to"),
    check("visit_weighs_each_of_its_runs", "ingestion_visit", f"{USAGE_DIES} only_added_to"),
    code("a run that failed in settling failed", f"{USAGE_DIES} refused", "ingestion/flights.py", "usage.taken(boarding, [*done, *failed])", "usage.taken(boarding, [*failed, *done])"),
    code("the peak begins anew", f"{USAGE_DIES} cpu_time", "ingestion/gauging.py", 'FORGET_PEAK = "5"', 'FORGET_PEAK = "0"'),
    triggers("ingestion_spending", f"{REMOTE_DIES} only_added_to"),
    # the broker
    code("a command in somebody's name asks for their permission", "console/test_acting.py refused", "ledger/commands.py", "if not person.has_perm(permission):", "if False:"),
    code("nobody acts for who may not come in", "console/test_acting.py come_in", "ledger/commands.py", "username=name, is_active=True, is_staff=True", "username=name"),
    check("another_person_confirms", "ingestion_approval", f"{APPROVALS_DIE} knows_that_it_is_another"),
    code("nobody agrees to their own", f"{APPROVALS_DIE} one_asks", "ingestion/approvals.py", ".exclude(asked_by=person)", ""),
    code("nobody agrees to what is over", f"{APPROVALS_DIE} what_is_over", "ingestion/approvals.py", "rows.filter(expires_at__gt=Now())", "rows"),
    triggers("ingestion_approval", f"{APPROVALS_DIE} what_was_asked_for"),
    code("lists are of what was given", f"{SIGHT_DIES} foreign", "ledger/sight.py", 'rows.filter(**{f"{way}__in": seen})', "rows"),
    code("a link's name is of what was given", f"{SIGHT_DIES} narrows", "ledger/listing.py", "_seen(field.remote_field.model, model_admin, request).filter", "field.remote_field.model._default_manager.filter"),
    code("events are of what was given", f"{SIGHT_DIES} foreign_row", "console/seeing.py", "return events.filter(theirs)", "return events"),
    code("bytes are of what was given", f"{SIGHT_DIES} foreign_row", "handoffs/admin.py", "rows if seen is None else rows.filter(Exists(theirs))", "rows"),
    code("figures are of what was given", f"{SIGHT_DIES} first_page", "console/site.py", "theirs = None if all_of_them else", "theirs = None if True else"),
    code("what holds for all is for who sees all", f"{SIGHT_DIES} holds_for_all", "console/roles.py", "else found - OF_ALL", "else found"),
    code("Flower is for who sees all", f"{SIGHT_DIES} flower", "console/flower.py", " or given(request.user) is not None", ""),
    code("commands are for who sees all", f"{SIGHT_DIES} commands", "ledger/commands.py", "if given(person) is not None:", "if False:"),
    code("who was given none sees nothing", f"{SIGHT_DIES} given_none", "console/sight.py", "if rows else None", "if rows - {None} else None"),
    code("Flower is for who may look", "faces/test_flower.py others_see_nothing", "console/flower.py", "not request.user.has_perm(MAY_LOOK) or ", ""),
    code("nothing is done through Flower", "faces/test_flower.py nothing_is_done", "console/flower.py", "if request.method not in READING and path not in ROWS:", "if False:"),
    code("Flower's open doors are closed", "faces/test_flower.py every_door", "config/flowerconfig.py", "view.get = authenticated(view.get)", "pass"),
    code("a frozen broker is away", "ledger/test_broker.py freezes", "ingestion/waking.py", "socket_timeout=ANSWER_S", "socket_timeout=None"),
    code("a worker outlives its broker", "config/test_celery.py", "config/celery.py", "transport.Channel._connparams = _refuse_closed", ""),
]  # fmt: skip

if __name__ == "__main__":
    raise SystemExit(main(GUARDS, sys.argv[1:]))
