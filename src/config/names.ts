/** Names of stacks and services: fit for containers, volumes, networks and host names on every engine. */
export const namePattern = /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/
