"""Tokens with a beginning of their own: beginnings, characters after them, and how many.

Made from the rules of gitleaks v8.30.1 (MIT), config/gitleaks.toml, by
`python -m tools.update_token_forms`. SHA-256 of the rules:
e163e53b9e7e8a8511e77271e2b323ed057759542a6d988258afe3a1fa329caf
"""

# Beginnings, separated by blanks; class of the characters after them; how many at least.
TOKEN_FORMS: tuple[tuple[str, str, int], ...] = (
    ("ABIA AKIA ASIA", "A-Z0-9", 16),
    ("ABSK", "a-zA-Z0-9=+/", 64),
    ("AGE-SECRET-KEY-1 API-", "A-Z0-9", 20),
    ("AIza AQVN", "a-zA-Z0-9_-", 35),
    ("AKCp EAAM", "a-zA-Z0-9", 64),
    ("ATATT3", "a-zA-Z0-9_=-", 64),
    ("CLOJARS_ LTAI NRAK- dp.pt. ico- lin_api_ npm_ ntn_ pnu_ pplx-", "a-zA-Z0-9", 20),
    ("EZAK EZTK", "a-zA-Z0-9", 54),
    ("FLWPUBK_TEST- FLWSECK_TEST- NRII- xkeysib-", "a-zA-Z0-9-", 20),
    ("FLWSECK_TEST-", "a-zA-Z0-9", 12),
    (
        "GR1348941 HRKU-AA fo1_ glagent- glcbt- gldt- glffct- glft- glimt- gloas- glpat- "
        "glrt- glsoat- hvb. hvs. pypi-AgEIcHlwaS5vcmc sha256~ sk-admin- sk-ant-admin01- "
        "sk-ant-api03- sk-proj- sk-svcacct- sq0atp- tk-us-",
        "a-zA-Z0-9_-",
        20,
    ),
    ("NRJS-", "a-fA-F0-9", 19),
    ("PMAK-", "a-fA-F0-9-", 20),
    ("SG.", "a-zA-Z0-9_.=-", 64),
    ("_gitlab_session= rdme_", "a-z0-9", 20),
    ("api_org_", "a-zA-Z", 20),
    ("authress_ scauth_", "a-zA-Z0-9_.=+/-", 20),
    ("cmVmd", "a-zA-Z0-9", 59),
    ("dapi", "a-f0-9-", 32),
    ("doo_v1_ dop_v1_ glptt- pul- rubygems_ sntryu_", "a-f0-9", 20),
    (
        "dor_v1_ s-s4t2af- s-s4t2ud- sgp_ sgp_local_ shippo_live_ shippo_test_ shpat_ "
        "shpca_ shppa_ shpss_",
        "a-fA-F0-9",
        20,
    ),
    ("dt0c01.", "a-zA-Z0-9.", 20),
    ("duffel_live_ duffel_test_ fio-u-", "a-zA-Z0-9_=-", 20),
    ("fm1a_ fm1r_ fm2_ glc_ ops_eyJ", "a-zA-Z0-9=+/", 20),
    ("glpat- glrt-t", "a-zA-Z0-9_.-", 20),
    ("glsa_", "a-zA-Z0-9_", 20),
    ("hf_", "a-zA-Z", 34),
    ("pscale_oauth_ pscale_pw_ pscale_tkn_", "a-zA-Z0-9_.=-", 20),
    ("rk_live_ rk_prod_ rk_test_ sk_live_ sk_prod_ sk_test_", "a-zA-Z0-9", 10),
    ("sm_aat_ sm_pat_ sm_sat_", "a-zA-Z0-9", 16),
    ("sntrys_eyJpYXQiO", "a-zA-Z0-9_=+/", 20),
)
