/** What a config is made of when it leaves its process. Types only. */

export interface PlainReference {
  readonly $ref: string
}

export type PlainValue =
  | string
  | number
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue }
