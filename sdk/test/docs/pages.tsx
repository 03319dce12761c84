//! What the examples of the documentation import from their app.

const Page = () => null

export { Page as Code, Page as Desk, Page as Login, Page as MfaSetup, Page as MfaVerify, Page as Splash, Page as Vault }
