"""What is asked for beside a vague prompt? One entry for each kind of query, one paragraph for each language.

A paragraph asks for what every good answer of its kind has (assumptions said, the working shown, each side treated alike). It may
not name a fact, a purpose, a reader, a tool, a length or a limit: the user has implied none. A kind without paragraphs stays
as it is: nothing can be added to a greeting.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Paragraph(Struct, frozen=True):
    text: str
    before: bool = False  # where the prompt holds a text to be worked on


def _entry(en: str, de: str, fr: str, es: str, zh: str, *, before: bool = False) -> Mapping[str, Paragraph]:
    texts = {"en": en, "de": de, "fr": fr, "es": es, "zh": zh}
    return {language: Paragraph(text, before) for language, text in texts.items()}


ENHANCEMENTS: Mapping[str, Mapping[str, Paragraph]] = {
    "code_generation": _entry(
        "Give complete code that can be run as it stands, and say which assumptions you made where this request leaves something open.",
        "Gib vollständigen Code an, der so läuft, wie er dasteht, und nenne die Annahmen, wo diese Anfrage etwas offenlässt.",
        "Donne un code complet, exécutable tel quel, et indique tes hypothèses là où cette demande laisse quelque chose ouvert.",
        "Da código completo que funcione tal cual, e indica qué supones donde esta petición deja algo abierto.",
        "请给出可以直接运行的完整代码，并说明在需求未明确之处你做了哪些假设。",
    ),
    "code_debugging": _entry(
        "Name the likeliest cause, say how to confirm it, then show the fix. If something is missing to be sure, say what.",
        "Nenne die wahrscheinlichste Ursache, sage, wie man sie bestätigt, und zeige dann die Lösung. Fehlt dafür etwas, sage was.",
        "Indique la cause la plus probable, comment la confirmer, puis montre la correction. S'il manque une information, dis laquelle.",
        "Indica la causa más probable, cómo confirmarla y después muestra la corrección. Si falta algún dato, di cuál.",
        "请指出最可能的原因，说明如何确认，然后给出修复方法。如果缺少判断所需的信息，请说明缺少什么。",
    ),
    "code_review": _entry(
        "Take the problems in order of their weight: for each, where it is, why it matters, and how it could be changed.",
        "Ordne die Probleme nach Gewicht: zu jedem, wo es steht, warum es zählt und wie es sich ändern ließe.",
        "Classe les problèmes par importance : pour chacun, où il se trouve, pourquoi il compte et comment le corriger.",
        "Ordena los problemas por importancia: en cada uno, dónde está, por qué importa y cómo podría cambiarse.",
        "请按重要程度列出问题：每个问题在哪里、为什么重要、可以如何修改。",
    ),
    "code_algorithm": _entry(
        "Explain the idea of the algorithm, show it in code, and state its running time and its use of memory.",
        "Erkläre die Idee des Algorithmus, zeige ihn als Code und nenne Laufzeit und Speicherbedarf.",
        "Explique l'idée de l'algorithme, montre-le en code et indique sa complexité en temps et en mémoire.",
        "Explica la idea del algoritmo, muéstralo en código e indica su coste en tiempo y en memoria.",
        "请说明算法思路，给出代码，并说明时间复杂度和空间复杂度。",
    ),
    "math": _entry(
        "Show the working, state the result clearly, and check it.",
        "Zeige den Rechenweg, nenne das Ergebnis deutlich und prüfe es.",
        "Montre le raisonnement, énonce clairement le résultat et vérifie-le.",
        "Muestra el desarrollo, indica claramente el resultado y compruébalo.",
        "请写出推导过程，明确给出结果，并加以验证。",
    ),
    "reasoning": _entry(
        "Reason from what is given to the conclusion, say what you had to assume, and check the conclusion against what was given.",
        "Schließe vom Gegebenen auf das Ergebnis, sage, was du annehmen musstest, und prüfe das Ergebnis am Gegebenen.",
        "Raisonne des données à la conclusion, dis ce que tu as dû supposer, et confronte la conclusion aux données.",
        "Razona desde lo dado hasta la conclusión, di qué has tenido que suponer y contrasta la conclusión con lo dado.",
        "请从已知条件推理到结论，说明做了哪些假设，并用已知条件检验结论。",
    ),
    "factual": _entry(
        "Answer first, then give what is needed to understand it. Say so where something is uncertain or depends on the date.",
        "Antworte zuerst und gib dann, was zum Verständnis nötig ist. Sage es, wo etwas unsicher ist oder vom Datum abhängt.",
        "Réponds d'abord, puis donne ce qu'il faut pour comprendre. Signale ce qui est incertain ou dépend de la date.",
        "Responde primero y da después lo necesario para entenderlo. Señala lo que sea incierto o dependa de la fecha.",
        "请先回答，再补充理解所需的内容。如有不确定或与时间有关之处，请指出。",
    ),
    "explanation": _entry(
        "Begin with the core idea, then how it works, with an example. Explain terms where they first appear.",
        "Beginne mit dem Kern, erkläre dann, wie es funktioniert, mit einem Beispiel. Erkläre Begriffe, wo sie zuerst vorkommen.",
        "Commence par l'idée centrale, puis le fonctionnement, avec un exemple. Définis les termes à leur première apparition.",
        "Empieza por la idea central, sigue con su funcionamiento y pon un ejemplo. Explica los términos cuando aparezcan.",
        "请先讲核心思想，再讲它如何运作，并举一个例子。术语首次出现时请加以解释。",
    ),
    "analysis": _entry(
        "Separate what is observed from what is concluded, weigh what speaks for and against, and say how sure the conclusion is.",
        "Trenne Beobachtung und Schluss, wäge ab, was dafür und was dagegen spricht, und sage, wie sicher der Schluss ist.",
        "Distingue ce qui est observé de ce qui est conclu, pèse le pour et le contre, et dis le degré de certitude de la conclusion.",
        "Distingue lo observado de lo que se concluye, pondera lo que habla a favor y en contra, y di cuán segura es la conclusión.",
        "请区分事实与推论，权衡正反两方面，并说明结论的可靠程度。",
    ),
    "comparison": _entry(
        "Compare them point by point by the same criteria, and say when each one is the better choice.",
        "Vergleiche Punkt für Punkt nach denselben Kriterien und sage, wann was die bessere Wahl ist.",
        "Compare point par point selon les mêmes critères, et dis dans quel cas chaque choix est le meilleur.",
        "Compara punto por punto con los mismos criterios y di cuándo conviene más cada opción.",
        "请用相同的标准逐点比较，并说明各自在什么情况下更合适。",
    ),
    "planning": _entry(
        "Put the steps in their order, say what each depends on and how one sees that it is done, and name what you assumed.",
        "Ordne die Schritte, sage, wovon jeder abhängt und woran man erkennt, dass er getan ist, und nenne deine Annahmen.",
        "Mets les étapes dans l'ordre, dis de quoi chacune dépend et à quoi on voit qu'elle est achevée, et précise tes hypothèses.",
        "Pon los pasos en orden, di de qué depende cada uno y cómo se ve que está hecho, y señala lo que supones.",
        "请按顺序列出步骤，说明每一步依赖什么、如何判断已完成，并指出你所做的假设。",
    ),
    "summarization": _entry(
        "Keep the main points and what they rest on, in the order of their weight, and add nothing that is not in the text.",
        "Behalte die Hauptpunkte und worauf sie beruhen, nach Gewicht geordnet, und füge nichts hinzu, was nicht im Text steht.",
        "Garde les points principaux et ce qui les fonde, par ordre d'importance, sans rien ajouter qui ne soit dans le texte.",
        "Conserva los puntos principales y aquello en que se basan, por importancia, sin añadir nada que no esté en el texto.",
        "请保留要点及其依据，按重要程度排列，不要添加原文没有的内容。",
        before=True,
    ),
    "translation": _entry(
        "Translate the meaning faithfully and naturally; keep tone, names, numbers and layout as they are.",
        "Übersetze den Sinn treu und natürlich; Ton, Namen, Zahlen und Gliederung bleiben, wie sie sind.",
        "Traduis le sens fidèlement et naturellement ; garde le ton, les noms, les nombres et la mise en page.",
        "Traduce el sentido con fidelidad y naturalidad; conserva el tono, los nombres, los números y la disposición.",
        "请忠实而自然地翻译原意；语气、人名、数字和版式保持不变。",
        before=True,
    ),
    "extraction": _entry(
        "Take out only what the text says, in its own wording, and say so where something that was asked for is not there.",
        "Entnimm, was im Text steht, in seinen eigenen Worten, und sage es, wo etwas Gefragtes nicht dasteht.",
        "Extrais ce que dit le texte, dans ses propres termes, et signale ce qui est demandé mais n'y figure pas.",
        "Extrae lo que dice el texto, con sus propias palabras, y señala lo que se pide y no está en él.",
        "请按原文措辞提取文中的内容；所要求但文中没有的，请说明。",
        before=True,
    ),
    "classification": _entry(
        "Decide by what the text itself says, and name what decided. Say so where two answers are about as likely.",
        "Entscheide nach dem, was im Text selbst steht, und nenne, was den Ausschlag gab. Sage es, wo zwei Antworten etwa gleich naheliegen.",
        "Décide d'après ce que dit le texte lui-même et indique ce qui a été décisif. Signale les cas où deux réponses se valent.",
        "Decide por lo que dice el propio texto e indica qué ha sido decisivo. Señala cuándo dos respuestas son casi igual de probables.",
        "请根据文本本身判断，并指出判断依据。如果两个答案可能性相近，请说明。",
        before=True,
    ),
    "writing": _entry(
        "Choose a clear structure, let each paragraph carry one thought, and leave a marked gap where a fact is needed that was not given.",
        "Wähle eine klare Gliederung, gib jedem Absatz einen Gedanken und lass eine gekennzeichnete Lücke, wo eine nicht genannte Angabe nötig ist.",
        "Choisis une structure claire, une idée par paragraphe, et laisse un blanc signalé là où il faut une information non fournie.",
        "Elige una estructura clara, una idea por párrafo, y deja un hueco marcado donde haga falta un dato que no se ha dado.",
        "请采用清晰的结构，每段表达一个意思；需要而未提供的信息请留出标明的空白。",
    ),
    "creative": _entry(
        "Prefer what can be seen and heard to general words, and let it have a beginning and an end that belong together.",
        "Zieh, was man sehen und hören kann, allgemeinen Worten vor, und gib ihm einen Anfang und ein Ende, die zusammengehören.",
        "Préfère ce qui se voit et s'entend aux généralités, avec un début et une fin qui se répondent.",
        "Prefiere lo que se ve y se oye a las generalidades, con un principio y un final que se correspondan.",
        "请多用可见可闻的细节，少用空泛的词语，并使开头与结尾相互呼应。",
    ),
    "conversation": {},
}
