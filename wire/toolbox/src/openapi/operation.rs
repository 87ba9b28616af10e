//! One operation of the table, and the words that its entry is written in.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::ErrorBody;

/// What an operation takes and gives. Made by [`get`] and its like, and completed by the methods.
#[derive(Debug)]
pub(super) struct Operation {
    /// The reference's, or ours.
    pub(super) id: &'static str,
    /// Lower case.
    pub(super) method: &'static str,
    /// With its parameters in braces.
    pub(super) path: &'static str,
    summary: &'static str,
    tag: &'static str,
    is_deprecated: bool,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
    schemas: Map<String, Value>,
}

/// What a parameter is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A whole number of at least this.
    From(i64),
    /// A TCP port.
    Port,
    /// `true` or `false`, and the other spellings that clients use.
    YesOrNo,
}

pub(super) fn get(id: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation::new("get", id, path, summary)
}

pub(super) fn post(id: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation::new("post", id, path, summary)
}

pub(super) fn delete(id: &'static str, path: &'static str, summary: &'static str) -> Operation {
    Operation::new("delete", id, path, summary)
}

impl Operation {
    pub(super) fn new(
        method: &'static str,
        id: &'static str,
        path: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            id,
            method,
            path,
            summary,
            tag: "",
            is_deprecated: false,
            parameters: Vec::new(),
            body: None,
            answers: Map::new(),
            schemas: Map::new(),
        }
    }

    /// The group that it is shown in.
    pub(super) fn tagged(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// Served for old clients only.
    pub(super) fn deprecated(mut self) -> Self {
        self.is_deprecated = true;
        self
    }

    /// A parameter of the path.
    pub(super) fn of_path(self, name: &str, kind: Kind, meaning: &str) -> Self {
        self.parameter("path", name, kind, true, meaning)
    }

    /// A parameter of the query without which it is refused.
    pub(super) fn needs(self, name: &str, kind: Kind, meaning: &str) -> Self {
        self.parameter("query", name, kind, true, meaning)
    }

    /// A parameter of the query.
    pub(super) fn may_have(self, name: &str, kind: Kind, meaning: &str) -> Self {
        self.parameter("query", name, kind, false, meaning)
    }

    fn parameter(mut self, place: &str, name: &str, kind: Kind, is_required: bool, meaning: &str) -> Self {
        let schema = kind.schema();
        self.parameters.push(json!({
            "in": place, "name": name, "required": is_required, "description": meaning, "schema": schema,
        }));
        self
    }

    /// A JSON body.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.reference::<T>();
        self.body = Some(json!({"required": true, "content": {"application/json": {"schema": schema}}}));
        self
    }

    /// Some other body; by media type, in words.
    pub(super) fn takes_content(mut self, description: &str, content: Value) -> Self {
        self.body = Some(json!({"required": true, "description": description, "content": content}));
        self
    }

    /// Success with a JSON value.
    pub(super) fn gives<T: ToSchema>(mut self, status: u16, meaning: &str) -> Self {
        let schema = self.reference::<T>();
        self.content(status, meaning, "application/json", schema)
    }

    /// Success with a JSON list, `[]` when empty.
    pub(super) fn gives_list<T: ToSchema>(mut self, status: u16, meaning: &str) -> Self {
        let schema = json!({"type": "array", "items": self.reference::<T>()});
        self.content(status, meaning, "application/json", schema)
    }

    /// Success without a body, or a switch of protocols.
    pub(super) fn gives_nothing(mut self, status: u16, meaning: &str) -> Self {
        self.answers.insert(status.to_string(), json!({"description": meaning}));
        self
    }

    /// Success with a body that is not JSON. Adds to what the status gives already.
    pub(super) fn gives_content(self, status: u16, meaning: &str, media_type: &str) -> Self {
        self.content(status, meaning, media_type, json!({"type": "string"}))
    }

    fn content(mut self, status: u16, meaning: &str, media_type: &str, schema: Value) -> Self {
        let answer = self.answers.entry(status.to_string()).or_insert_with(|| json!({"content": {}}));
        answer["description"] = meaning.into();
        answer["content"][media_type] = json!({"schema": schema});
        self
    }

    /// The statuses of its refusals, each with the error body.
    pub(super) fn refuses(mut self, statuses: &[u16]) -> Self {
        for status in statuses {
            let schema = self.reference::<ErrorBody>();
            self = self.content(*status, reason(*status), "application/json", schema);
        }
        self
    }

    /// A refusal with a body of its own.
    pub(super) fn refuses_with<T: ToSchema>(mut self, status: u16, meaning: &str) -> Self {
        let schema = self.reference::<T>();
        self.content(status, meaning, "application/json", schema)
    }

    /// A reference to a schema, which is kept with all that it refers to.
    fn reference<T: ToSchema>(&mut self) -> Value {
        let mut named = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut named);
        for (name, schema) in named {
            let schema = serde_json::to_value(schema).expect("a schema is plain data");
            self.schemas.insert(name, schema);
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }

    /// The operation as the document has it, and the schemas that it refers to.
    pub(super) fn describe(self) -> (Value, Map<String, Value>) {
        let mut described = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "parameters": self.parameters,
            "responses": self.answers,
        });
        if let Some(body) = self.body {
            described["requestBody"] = body;
        }
        if self.is_deprecated {
            described["deprecated"] = true.into();
        }
        (described, self.schemas)
    }
}

impl Kind {
    fn schema(self) -> Value {
        match self {
            Self::Text => json!({"type": "string"}),
            Self::From(minimum) => json!({"type": "integer", "minimum": minimum}),
            Self::Port => json!({"type": "integer", "minimum": 1, "maximum": 65535}),
            Self::YesOrNo => json!({"type": "boolean"}),
        }
    }
}

/// What a status of refusal means here.
fn reason(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be meant so: a parameter or field is missing or wrong.",
        401 => "The remote needs credentials, or refuses the given ones.",
        403 => "The kernel does not permit it to the sandbox's user.",
        404 => "There is no such thing.",
        408 => "It ran into its limit of time and was killed.",
        409 => "It is in the way of what is there already.",
        410 => "It was there and has ended.",
        422 => "The remote refuses it by a rule of its own.",
        500 => "The operating system failed, and says how.",
        502 => "What it speaks to does not answer as it should.",
        _ => "See the message.",
    }
}
