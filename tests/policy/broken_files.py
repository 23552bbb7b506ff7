"""Faults in the form of files and in names."""

from __future__ import annotations

from policy.broken import Broken

SHAPES = [
    Broken(
        "yaml-syntax", "signals/poor.yaml", "theme: income", "theme: income: high", "income: high", "colon"
    ),
    Broken("yaml-syntax", "pack.yaml", "currency: CNY", "\tcurrency: CNY", "currency: CNY", "not YAML"),
    Broken(
        "duplicate-key",
        "signals/poor.yaml",
        "theme: income",
        "theme: income\ntheme: money",
        "theme: money",
        "twice",
    ),
    Broken(
        "yaml-alias",
        "scenarios/poor.yaml",
        "wages:\n",
        "wages: &x\n        - *x\n",
        "&x",
        "Write the value out",
        also=("wrong-type",),
    ),
    Broken(
        "unknown-key", "signals/poor.yaml", "theme:", "them: x\ntheme:", "them: x", "Write `theme` instead?"
    ),
    Broken(
        "unknown-key",
        "pack.yaml",
        "working_weekends",
        "working_weekend",
        "working_weekend",
        "`working_weekends`",
    ),
    Broken(
        "missing-key", "signals/poor.yaml", "expires_days: 90\n", "", "label:", "`expires_days` is missing"
    ),
    Broken(
        "missing-key",
        "signals/poor.yaml",
        "confirm: {department: bureau}\n",
        "",
        "label:",
        "`confirm` is missing",
    ),
    Broken(
        "missing-key",
        "programmes/grant.yaml",
        "reference: Notice 4\n",
        "",
        "label:",
        "`reference` is missing",
    ),
    Broken(
        "wrong-type", "pack.yaml", "version: 0.1.0", "version: 0.1", "version", 'Write it in quotes: "0.1"'
    ),
    Broken(
        "wrong-type", "signals/poor.yaml", "expires_days: 90", "expires_days: soon", "expires_days", "integer"
    ),
    Broken(
        "wrong-value",
        "signals/poor.yaml",
        "unit: working_days",
        "unit: weeks",
        "unit: weeks",
        "`working_days`",
    ),
    Broken(
        "wrong-value",
        "programmes/grant.yaml",
        "kind: cash",
        "kind: money",
        "kind",
        "Write `cash` or `service`",
    ),
    Broken(
        "missing-translation",
        "signals/poor.yaml",
        "label: {en: Poor, zh: 困难}",
        "label: {en: Poor}",
        "label",
        "zh",
    ),
    Broken(
        "missing-translation",
        "indicators/size.yaml",
        "zh: 人数}\n    unit",
        "zh: ''}\n    unit",
        "Members",
        "zh",
    ),
    Broken(
        "unknown-language",
        "signals/poor.yaml",
        "zh: 困难}",
        "zh: 困难, fr: Pauvre}",
        "fr:",
        "`fr` is not a language",
    ),
    Broken(
        "missing-translation", "pack.yaml", "calendar:", "units: {bag: {en: bag}}\ncalendar:", "bag", "zh"
    ),
    Broken("time", "departments.yaml", '"09:00"', '"nine"', "hours", "`nine` is not a time"),
    Broken(
        "inbox",
        "departments.yaml",
        "  hours:",
        "  inbox: webhook\n  hours:",
        "inbox",
        "`webhook` is not an inbox",
    ),
    Broken(
        "inbox",
        "departments.yaml",
        "  hours:",
        "  inbox: http://bureau.example/\n  hours:",
        "inbox",
        "is not an inbox",
    ),
    Broken(
        "inbox",
        "departments.yaml",
        "  hours:",
        '  inbox: "https://[x/"\n  hours:',
        "inbox",
        "is not an inbox",
    ),
    Broken(
        "wrong-value",
        "departments.yaml",
        "  hours:",
        "  identity: [number, income]\n  hours:",
        "identity",
        "income",
    ),
    Broken("wrong-type", "departments.yaml", "  hours:", "  identity: number\n  hours:", "identity", "list"),
    Broken("level-order", "signals/poor.yaml", "level: yellow", "level: red", "levels:", "most urgent first"),
    Broken(
        "level-without-when", "signals/poor.yaml", "    when: income = 0\n", "", "level: red", "never hold"
    ),
]

NAMES = [
    Broken(
        "unknown-purpose", "signals/poor.yaml", "purpose: relief", "purpose: releif", "purpose", "`relief`"
    ),
    Broken(
        "unknown-department",
        "signals/poor.yaml",
        "department: bureau",
        "department: buro",
        "confirm",
        "`bureau`",
    ),
    Broken(
        "unknown-department", "contracts/wages.yaml", "value: bureau", "value: burea", "owner", "`bureau`"
    ),
    Broken("unknown-purpose", "contracts/wages.yaml", "[relief]", "[relief, releif]", "purposes", "`relief`"),
    Broken(
        "unknown-signal", "programmes/grant.yaml", "signals: [poor]", "signals: [pour]", "signals", "`poor`"
    ),
    Broken("unknown-unit", "indicators/size.yaml", "unit: person", "unit: persons", "unit", "Write `person`"),
    Broken(
        "unknown-unit",
        "parameters/line.yaml",
        "CNY/person/month",
        "RMB/person/month",
        "unit",
        "`RMB` is not a unit",
    ),
    Broken(
        "unknown-column",
        "signals/poor.yaml",
        "AND income_half",
        "AND income_haif",
        "income_haif",
        "`income_half`",
    ),
    Broken(
        "unknown-column",
        "signals/ill.yaml",
        "cost_year >",
        "line >",
        "line >",
        "Write `:line`; it is a parameter",
    ),
    Broken(
        "unknown-parameter",
        "signals/poor.yaml",
        ":line * members -",
        ":lines * members -",
        ":lines",
        "`line`",
    ),
    Broken(
        "unknown-parameter", "indicators/income.sql", ":as_of -", ":asof -", ":asof", "no parameter `asof`"
    ),
    Broken(
        "unknown-column", "indicators/income.sql", "w.wage)", "w.wages)", "w.wages", "Write `wage` instead?"
    ),
    Broken("unknown-table", "indicators/size.sql", "FROM people", "FROM peoples", "peoples", "`people`"),
    Broken(
        "unknown-table",
        "indicators/income.sql",
        "sum(w.wage)",
        "sum(v.wage)",
        "v.wage",
        "no `v` in this FROM",
    ),
    Broken(
        "unknown-feed",
        "indicators/size.sql",
        "FROM people\n",
        "FROM people\nJOIN feed ON feed.feed = 'peple'\n",
        "peple",
        "`people`",
    ),
    Broken(
        "ambiguous-name",
        "programmes/grant.yaml",
        "id: total",
        "id: income",
        "id: income",
        "a column of an indicator",
    ),
    Broken(
        "unknown-identifier",
        "contracts/people.yaml",
        "role, value: resident_id}",
        "role, value: resident_id}\n          - {property: identifier, value: xx.nothing}",
        "xx.nothing",
        "python-stdnum",
    ),
]
