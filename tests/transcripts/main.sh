#!/usr/bin/env bash
# The main job with curl: register, log in, set up a second factor, stay logged in, log out.
#
# usage: main.sh URL      a running `perennial dev`, such as http://localhost:8080
set -euo pipefail
url=${1:?usage: main.sh URL}
url=${url%/}
# shellcheck source=tests/transcripts/steps.sh
. "$(dirname "$0")/steps.sh"

email=$(someone)
password='seven quiet lanterns hum'
credentials=$(jq -nc --arg email "$email" --arg password "$password" '{$email, $password}')

say 'A visitor is nobody, and gets what it takes to post.'
call GET /auth/session
expect 200 .status unauthenticated .is_authenticated false
[ -n "$csrf" ] || fail 'there is no csrf_token'

say 'Registration asks for the code that is mailed.'
call POST /auth/register "$credentials"
expect 200 .status verify_email_required
expect_cookie verify_email

say 'A wrong code opens nothing; the right one is a login.'
code=$(mailed_code "$email")
call POST /auth/verify-otp "$(jq -nc --arg code "$(((10#$code + 1) % 1000000))" '{code: ("000000" + $code)[-6:]}')"
expect 401 .code invalid_code
call POST /auth/verify-otp "$(jq -nc --arg code "$code" '{$code}')"
expect 200 .status authenticated .user.email "$email" .aal 1
expect_cookie refreshtoken
expect_cookie accesstoken

say 'Logout ends it.'
call POST /auth/logout
expect 204
call GET /auth/session
expect 200 .status unauthenticated

say 'A wrong password is refused; the right one is a login.'
call POST /auth/login "$(jq -nc --arg email "$email" '{$email, password: "not the right one"}')"
expect 401 .code invalid_credentials
call POST /auth/login "$credentials"
expect 200 .status authenticated .aal 1

say 'A second factor counts from its first code on.'
call POST /auth/mfa/setup
expect 200
secret=$(field .secret)
call POST /auth/mfa/setup/confirm "$(jq -nc --arg code "$(totp "$secret")" '{$code}')"
expect 200 .status authenticated .aal 2 '.recovery_codes | length' 10
recovery_code=$(field '.recovery_codes[0]')

say 'The session says who is logged in.'
call GET /auth/session
expect 200 .status authenticated .user.email "$email" .has_refresh_token true .aal 2

say 'A refresh hands out a new access token.'
call POST /auth/token
expect 200 .status authenticated
expect_cookie accesstoken
cp "$jar" "$work/jar-before-logout"
csrf_before_logout=$csrf

say 'Logout ends the session at once, in copies of the jar too.'
call POST /auth/logout
expect 204
jar=$work/jar-before-logout csrf=$csrf_before_logout
call POST /auth/token
expect 401 .code session_ended .reason logout

say 'The next login asks for the second factor; a recovery code is one, once.'
jar=$work/new-jar
call GET /auth/session
call POST /auth/login "$credentials"
expect 200 .status mfa_verify_required .is_authenticated false
expect_cookie mfa_verify
call POST /auth/mfa/verify "$(jq -nc --arg code "$recovery_code" '{$code}')"
expect 200 .status authenticated .aal 2
call POST /auth/logout
expect 204

printf '\nAll %d steps went as they should.\n' "$step"
