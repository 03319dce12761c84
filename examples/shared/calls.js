// The paths under which any of the applications' wires asks about the session; the first group is the call.

export const AUTH = /^\/(?:auth|api\/auth|api\/accounts\/auth|users\/auth)\/([\w/-]+?)\/?$/
