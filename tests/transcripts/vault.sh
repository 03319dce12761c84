#!/usr/bin/env bash
# The main job over the wire contract `vault`: its paths, a CSRF cookie under its bare name, a second factor
# for everybody.
#
# usage: vault.sh URL      a running `perennial dev --wire vault`
set -euo pipefail
url=${1:?usage: vault.sh URL}
url=${url%/}
# shellcheck source=tests/transcripts/steps.sh
. "$(dirname "$0")/steps.sh"

api=/api/auth
email=$(someone)
credentials=$(jq -nc --arg email "$email" '{$email, password: "seven quiet lanterns hum"}')

say 'A visitor is nobody, and finds the CSRF token in a cookie that scripts read.'
call GET $api/session/
expect 200 .is_authenticated false .has_refresh_token false
expect_cookie csrftoken

say 'Registration asks for the code that is mailed.'
call POST $api/register/ "$credentials"
expect 200 .status verify_email_required
call POST $api/verify-otp/ "$(jq -nc --arg code "$(mailed_code "$email")" '{$code}')"

say 'Everybody needs a second factor, so the login is not finished.'
expect 200 .status mfa_setup_required .is_authenticated false .has_mfa_setup_token true
expect_cookie mfa_setup
call GET $api/session/
expect 200 .status mfa_setup_required .has_mfa_setup_token true
call POST $api/mfa/setup/
expect 200
secret=$(field .secret)
call POST $api/mfa/setup/confirm/ "$(jq -nc --arg code "$(totp "$secret")" '{$code}')"
expect 200 .status authenticated .aal 2 '.recovery_codes | length' 10
recovery_code=$(field '.recovery_codes[0]')

say 'The session says who is logged in.'
call GET $api/session/
expect 200 .is_authenticated true .has_refresh_token true .has_mfa_setup_token false .user.email "$email"

say 'A refresh answers as this frontend expects it.'
call POST $api/token/
expect 200 .access true
expect_cookie accesstoken

say 'Logout, and a login with the second factor.'
call POST $api/logout/
expect 204
jar=$work/new-jar
call GET $api/session/
expect 200 .is_authenticated false
call POST $api/login/ "$credentials"
expect 200 .status mfa_verify_required .has_mfa_verify_token true
call POST $api/mfa/verify/ "$(jq -nc --arg code "$recovery_code" '{$code}')"
expect 200 .status authenticated .aal 2
call POST $api/logout/
expect 204

printf '\nAll %d steps went as they should.\n' "$step"
