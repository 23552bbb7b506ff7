"""The files of tests that take longest. Each goes to one process, so they must begin first."""

LONGEST = (  # the longest first
    "stream/test_equal_to_sweep.py",
    "casework/browser/test_whole_story.py",
    "stream/test_kafka.py",
    "cli/test_story.py",
    "casework/test_rights.py",
    "stream/test_bench.py",
    "trials/test_scenarios.py",
    "casework/browser/test_long_strings.py",
    "cli/test_tutorial.py",
    "stream/test_surroundings.py",
    "stream/test_kills.py",
    "stream/test_killing.py",
    "trials/test_missing_periods.py",
    "stream/test_epochs.py",
    "casework/browser/test_household_page.py",
    "casework/browser/test_queue.py",
    "casework/browser/test_at_the_desk.py",
    "casework/browser/test_parts_of_a_case.py",
    "stream/test_telling.py",
    "cycle/test_order.py",
)
