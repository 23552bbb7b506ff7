"""The small pack with categories and ordered programmes, for tests to break and to run."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent

from policy.small_pack import FILES as SMALL
from policy.small_pack import contract

LISTED = """
    resident_no string key role=resident_id
    listed_on date key role=event_time
    kind string needed
    measures integer
    paid number unit=CNY/month
"""

FILES: Mapping[str, str] = {
    **SMALL,
    "signals/poor.yaml": (
        SMALL["signals/poor.yaml"].replace(
            "income < :line * members\n  AND income_half < :share * income", "income < 2 * :line * members"
        )
    ),
    "contracts/listed.yaml": contract("listed", LISTED, "[relief]"),
    "indicators/listing.sql": dedent("""\
        -- Which lists the household stands on.
        SELECT
          m.household_id,
          bool_or(l.kind = 'low') AS on_list,
          bool_or(l.kind = 'lowest') AS on_lowest_list,
          datesub('month', min(l.listed_on), :as_of) AS months_on_list,
          sum(l.measures) AS measures,
          sum(l.paid) AS paid
        FROM listed AS l
        JOIN member AS m ON m.person_id = l.person_id
        GROUP BY m.household_id
        """),
    "indicators/listing.yaml": dedent("""\
        subject: household
        label: {en: Lists, zh: 名单}
        columns:
          on_list: {label: {en: On the list, zh: 在名单}}
          on_lowest_list: {label: {en: On the deepest list, zh: 在最低名单}}
          months_on_list: {label: {en: Months on it, zh: 月数}, unit: month}
          measures: {label: {en: Measures, zh: 措施}}
          paid: {label: {en: Paid, zh: 已发}, unit: CNY/month}
        """),
    "categories/lowest.yaml": dedent("""\
        label: {en: Lowest, zh: 最低}
        subject: household
        tier: 1
        purpose: relief
        signals: [poor]
        when: income < :line * members
        held: on_lowest_list
        department: bureau
        within: {amount: 10, unit: working_days}
        check: {en: Ask, zh: 询问}
        reference: Notice 5
        """),
    "categories/low.yaml": dedent("""\
        label: {en: Low, zh: 低收入}
        subject: household
        tier: 2
        purposes: [relief, care]
        signals: [poor]
        when: income < 2 * :line * members
        held: coalesce(on_list, false)
        unless: [lowest]
        since: months_on_list
        valid_months: 12
        review: {months: 12, question: {en: "Does it go on?", zh: 是否继续？}, within: {amount: 30, unit: days}}
        department: bureau
        within: {amount: 10, unit: working_days}
        check: {en: Ask, zh: 询问}
        reference: Notice 5
        exit:
          question: {en: "Is it over?", zh: 是否已走出困难？}
          when: income > 3 * :line * members
          guards:
            - label: {en: Six months, zh: 满六个月}
              when: months_on_list >= 6
            - label: {en: A measure, zh: 有措施}
              when: measures >= 1
          check: {en: Look, zh: 查看}
          within: {amount: 30, unit: working_days}
        """),
    "programmes/grant.yaml": SMALL["programmes/grant.yaml"].replace("kind: cash", "kind: cash\norder: 10"),
    "programmes/extra.yaml": dedent("""\
        label: {en: Extra, zh: 补充}
        subject: household
        kind: cash
        purposes: [relief, care]
        order: 20
        signals: [poor]
        categories: [low]
        eligible: granted_grant > 0
        instead_of: [last]
        once:
          months: 12
          causes:
            - id: income
              label: {en: Income, zh: 收入}
              signals: [poor]
              helped: coalesce(paid > 0, false)
        amount:
          - id: half
            label: {en: Half, zh: 一半}
            value: granted_grant / 2
        addons:
          - id: by_members
            label: {en: By members, zh: 按人数}
            value: members * 10 * :line / :line * income / income
        cap: {label: {en: Cap, zh: 封顶}, value: ":line * members"}
        total: {en: Total, zh: 合计}
        gradual_exit:
          label: {en: Works, zh: 就业}
          when: on_list AND paid > 0 AND income > 3 * :line * members
          since: months_on_list
          months: "6"
          amount: paid
        unit: CNY/month
        department: bureau
        within: {amount: 1, unit: days}
        pays_first: true
        verify_within: {amount: 5, unit: working_days}
        lasts: {amount: 12, unit: months}
        participation: one_authorisation
        authorises: [care]
        reference: Notice 6
        """).replace("members * 10 * :line / :line * income / income", '"0.1 * income"'),
    "programmes/last.yaml": dedent("""\
        label: {en: Last, zh: 最后}
        subject: household
        kind: cash
        purpose: relief
        order: 30
        signals: [poor]
        eligible: income < :line * members
        not_with: [rival]
        amount:
          - {id: last_amount, label: {en: Amount, zh: 金额}, value: ":line * members / 10"}
        unit: CNY/month
        department: bureau
        within: {amount: 1, unit: days}
        participation: confirm
        reference: Notice 7
        """),
    "programmes/rival.yaml": dedent("""\
        label: {en: Rival, zh: 另一项}
        subject: household
        kind: cash
        purpose: relief
        order: 40
        eligible: income < :line * members
        amount:
          - {id: rival_amount, label: {en: Amount, zh: 金额}, value: ":line * members / 5"}
        unit: CNY/month
        department: bureau
        within: {amount: 1, unit: days}
        participation: list
        local_check: {department: bureau, within: {amount: 5, unit: days}}
        reference: Notice 8
        """),
}
