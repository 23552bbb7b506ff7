"""Django's settings. Without `ALMONER_HOME` they use a database in memory, so they can always be imported."""

from __future__ import annotations

import os
from pathlib import Path

from csp.constants import NONE, SELF

from almoner.casework.conf import environment
from almoner.casework.conf.installation import database, home_of_environment, local_zone, secret_key

CASEWORK = Path(__file__).parents[1]
HOME = home_of_environment()
SAID = environment.read(os.environ)
HTTPS = SAID.https

SECRET_KEY = secret_key(HOME)
DEBUG = False
ALLOWED_HOSTS = [*environment.LOOPBACK, *SAID.hosts]
DATABASES = {"default": database(HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
VAULT_KEY = str(HOME.vault_key) if HOME else ""

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "almoner.casework",  # before apps with templates of their own, so that ours win
    "almoner.casework.api",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [
    "almoner.casework.accounts.middleware.browser_limits",  # first, so that styles have its headers too
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "almoner.casework.accounts.middleware.one_reader",
    "almoner.casework.accounts.sessions.SessionLimits",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "almoner.casework.accounts.middleware.no_store",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "almoner.casework.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "almoner.casework.accounts.context.page",
            ],
        },
    },
]

AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "start"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_RESET_TIMEOUT = 3 * 24 * 3600  # seconds for which the link to a first password works
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "almoner.casework.core.origin.network_of"
AXES_VERBOSE = False

SECOND_FACTOR = environment.second_factor_of(HOME)  # `signing_in.roles_with_second_factor` reads it
DEMO = bool(HOME and HOME.settings.demo)
PROVIDER = SAID.provider
ACCOUNT_ADAPTER = "almoner.casework.accounts.signing_in.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SIGNUP_FIELDS = ["username*"]
ACCOUNT_RATE_LIMITS = {"login": None}  # django-axes counts wrong passwords
MFA_ADAPTER = "almoner.casework.accounts.signing_in.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]  # security keys would need JavaScript
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1
SOCIALACCOUNT_ADAPTER = "almoner.casework.accounts.signing_in.OutsideAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # the form-action policy would block a form that redirects to the provider
SOCIALACCOUNT_PROVIDERS = environment.providers_of(PROVIDER)

LANGUAGE_CODE = "zh-hans" if HOME and HOME.settings.language.startswith("zh") else "en"
LANGUAGES = [("en", "English"), ("zh-hans", "中文")]
LOCALE_PATHS = [CASEWORK / "locale"]
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SECURE = HTTPS
USE_TZ = False  # all times are local times of the installation, as in the facts
TIME_ZONE = local_zone()

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True

SESSION_ENGINE = "almoner.casework.accounts.session_store"
SESSION_COOKIE_NAME = environment.cookie_name("sessionid", HTTPS)
CSRF_COOKIE_NAME = environment.cookie_name("csrftoken", HTTPS)
LANGUAGE_COOKIE_NAME = environment.cookie_name("django_language", HTTPS)
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no cookie holds what was done
IDLE_SECONDS = SAID.idle_minutes * 60
SESSION_COOKIE_AGE = SAID.session_hours * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
FILE_BYTES = SAID.file_mib * 1024**2
FILE_PIXELS = SAID.file_megapixels * 1_000_000
FILES_A_CASE = SAID.files_a_case
FILE_UPLOAD_HANDLERS = ["almoner.casework.core.uploads.InMemory"]
DATA_UPLOAD_MAX_NUMBER_FILES = 1
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024  # bytes; large enough for a batch of events
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "style-src": [SELF],
        "img-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
