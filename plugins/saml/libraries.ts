// Loaded when somebody comes from a provider. As a module of its own: of a CommonJS package that is imported lazily
// as it is, the bundle knows no named exports.
export { SAML, ValidateInResponseTo } from '@node-saml/node-saml';
export { DOMParser, onWarningStopParsing } from '@xmldom/xmldom';
export { SignedXml } from 'xml-crypto';
