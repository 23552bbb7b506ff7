"""The functions that a pack's SQL may call: same rows, same answer, and nothing else is read.

Names are DuckDB's, in small letters. A function that is not here is refused, so a new version of DuckDB
brings nothing new into packs. `tests/policy/test_allowed_functions.py` holds the list against what DuckDB
itself says of each function. Left out on purpose: what depends on the order of rows (`mode`), on the time
zone of the machine (`now`, `age` of one argument), on the session (`current_user`), and what runs text as
SQL (`json_execute_serialized_sql`, `list_aggregate`).
"""

from __future__ import annotations

_NUMBERS = """
abs ceil ceiling floor round trunc sign mod fmod greatest least pow power sqrt cbrt exp ln log log2 log10
gcd lcm isnan isinf isfinite even divide
"""
_DAYS = """
date_part datepart extract date_trunc datetrunc date_diff datediff date_sub datesub date_add make_date
make_timestamp year quarter month week day dayofmonth dayofweek dayofyear isodow isoyear weekofyear
yearweek hour minute second decade century monthname dayname last_day days_in_month strftime strptime
try_strptime epoch age time_bucket to_years to_quarters to_months to_weeks to_days to_hours to_minutes
to_seconds
"""
_TEXTS = """
lower upper length len trim ltrim rtrim left right substr substring replace concat concat_ws contains
starts_with ends_with prefix suffix instr strpos position lpad rpad repeat reverse ascii unicode chr
translate strip_accents nfc_normalize regexp_matches regexp_full_match regexp_extract regexp_replace
string_split str_split split_part levenshtein jaro_winkler_similarity
"""
_AGGREGATES = """
count count_if countif sum avg mean min max median quantile_cont quantile_disc stddev stddev_pop
stddev_samp variance var_pop var_samp bool_and bool_or bit_and bit_or arg_max arg_min max_by min_by
any_value first last list array_agg string_agg listagg group_concat corr covar_pop covar_samp regr_slope
regr_intercept regr_r2 fsum kahan_sum product
"""
_WINDOWS = """
row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
"""
_LISTS = """
unnest range generate_series list_value list_sum list_avg list_min list_max list_median list_count
list_contains list_has list_has_any list_has_all list_distinct list_unique list_sort list_filter
list_transform list_slice list_extract list_position list_concat list_reverse list_zip flatten
array_length array_contains struct_pack struct_extract row map map_extract map_keys map_values
map_entries cardinality
"""
_CHOICES = "coalesce ifnull nullif if"
ALLOWED = frozenset(" ".join((_NUMBERS, _DAYS, _TEXTS, _AGGREGATES, _WINDOWS, _LISTS, _CHOICES)).split())

# What DuckDB's parser makes of operators and brackets.
OPERATORS = frozenset(
    [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "^",
        "**",
        "&",
        "|",
        "~",
        "<<",
        ">>",
        "||",
        "!",
        "@>",
        "<@",
        "&&",
        "~~",
        "!~~",
        "~~*",
        "!~~*",
        "~~~",
        "^@",
        "->",
        "like_escape",
        "not_like_escape",
        "ilike_escape",
        "not_ilike_escape",
        "count_star",
        "array_extract",
        "array_slice",
        "struct_extract_at",
    ]
)

FEWEST_ARGUMENTS = {"age": 2}  # with fewer it counts from today
