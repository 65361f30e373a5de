-- A third kind of entry: TensorFlow Lite models.

alter table submissions drop constraint submissions_kind;
alter table submissions add constraint submissions_kind check (kind in ('onnx', 'tflite', 'script'));
alter table uploads drop constraint uploads_kind;
alter table uploads add constraint uploads_kind check (kind in ('onnx', 'tflite', 'script'));
