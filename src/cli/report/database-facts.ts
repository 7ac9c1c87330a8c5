/** Which database an answer is about. */
export interface DatabaseFacts {
  /** Absent with --url. */
  readonly service?: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}
