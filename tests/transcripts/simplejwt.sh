#!/usr/bin/env bash
# The main job over the wire contract `simplejwt`: the access token in the answer, a refresh cookie under its
# exact name, and requests that carry no anti-CSRF token.
#
# usage: simplejwt.sh URL      a running `perennial dev --wire simplejwt`
set -euo pipefail
url=${1:?usage: simplejwt.sh URL}
url=${url%/}
# shellcheck source=tests/transcripts/steps.sh
. "$(dirname "$0")/steps.sh"

api=/api/accounts/auth
email=$(someone)
credentials=$(jq -nc --arg email "$email" '{$email, password: "seven quiet lanterns hum"}')

# bare METHOD PATH [JSON]: as this frontend sends it.
bare() {
  csrf=
  call "$@"
}

say 'Registration asks for the code that is mailed; with it comes the first access token.'
bare POST $api/register/ "$credentials"
expect 200 .status verify_email_required
bare POST $api/verify-otp/ "$(jq -nc --arg code "$(mailed_code "$email")" '{$code}')"
expect 200 .status authenticated '.access | type' string
bare POST $api/logout/
expect 204

say 'A refresh without a cookie is a clear 401.'
access=
bare POST $api/token/refresh/
expect 401 .code not_authenticated '.detail | type' string

say 'Login answers with the access token and sets the refresh cookie.'
bare POST $api/login/ "$credentials"
expect 200 .user.email "$email" '.access | type' string
expect_cookie refreshtoken=
[ -n "$access" ] || fail 'there is no access token'

say 'The access token opens what only a person may see; the cookie alone does not.'
bare GET /auth/sessions
expect 200 '.sessions | length' 1
access=
bare GET /auth/sessions
expect 401 .code not_authenticated

say 'A refresh is a bare POST and answers with the access token alone.'
bare POST $api/token/refresh/
expect 200 'keys | join(",")' access
bare GET /auth/sessions
expect 200

say 'Logout kills the refresh token, in copies of the jar too.'
cp "$jar" "$work/copy"
bare POST $api/logout/
expect 204
jar=$work/copy access=
bare POST $api/token/refresh/
expect 401 .code session_ended .reason logout

printf '\nAll %d steps went as they should.\n' "$step"
