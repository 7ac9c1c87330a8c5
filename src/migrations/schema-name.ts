/** The schema that is the tool's own; nothing of a project belongs into it. */
export const ledgerSchema = 'poststack'
