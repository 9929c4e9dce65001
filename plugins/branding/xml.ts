// Loaded lazily; as a module of its own, because of a CommonJS package imported lazily the bundle knows no names.
export { DOMParser, onErrorStopParsing, XMLSerializer } from '@xmldom/xmldom';
