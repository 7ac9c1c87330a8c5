/** The version in package.json. The build puts the text in, so that `poststack version` reads and imports nothing. */
declare const POSTSTACK_VERSION: string
